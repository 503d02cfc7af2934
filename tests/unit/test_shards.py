from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards
from workflow_scripts.study.settings.release import ImportSamplesSettings


def test_a_file_is_finished_if_it_was_made_the_same_way(tmp_path):
    file, recipe = tmp_path / "cat_0001.safetensors", {"settings": {"steps": 1}, "inputs": {"base_model": "abc"}}
    assert not shards.is_finished(file, recipe)
    artifacts.write_tensors(file, {}, {**recipe, "loss": 1.0})
    assert shards.is_finished(file, {**recipe, "versions": {"torch": "9"}})
    assert not shards.is_finished(file, {**recipe, "settings": {"steps": 2}})
    assert not shards.is_finished(file, {**recipe, "inputs": {"base_model": "def"}})


def test_cut_off_files_are_made_again_and_leftovers_removed(tmp_path):
    file, recipe = tmp_path / "cat_0001.safetensors", {"settings": {}, "inputs": {}}
    artifacts.write_tensors(file, {}, recipe)
    file.write_bytes(file.read_bytes()[:9])
    (tmp_path / "cat_0001.safetensors.123.part").touch()
    (tmp_path / "cat_00010.safetensors.123.part").touch()  # another model's, perhaps another worker's
    assert not shards.is_finished(file, recipe)
    assert [path.name for path in tmp_path.glob("*.part")] == ["cat_00010.safetensors.123.part"]


SETTINGS = ImportSamplesSettings(
    **{"study": "tiny", "seed": 0, "case": "pets", "kind": "object", "shard": "train_0000"},
    **{"models": ("cat", "dog", "eel"), "class_words": {"cat": "cat", "dog": "dog", "eel": "eel"}},
    **{"prompts": {"llm": 1}, "samples_per_prompt": 1, "allow_missing": False, "release": 1},
)
PARTS = [shards.Part(file, {"settings": {"model": file.model}, "inputs": {}}) for file in SETTINGS.files()]


class Maker:
    """Writes the missing files of a shard, apart from those of bad models."""

    def __init__(self, folder: Path, *bad: str) -> None:
        self.folder, self.bad, self.asked = folder, bad, []

    def __call__(self, parts: Sequence[shards.Part], missing: Sequence[shards.Part]) -> Iterator[shards.Failure]:
        assert not (self.folder / "train_0000.json").exists()
        assert list(parts) == [part for part in PARTS if part in parts]
        for part in missing:
            self.asked.append(part.file.model)
            if part.file.model in self.bad:
                yield shards.Failure(part.file.model, "loss nan")
            else:
                artifacts.write_table(
                    self.folder / part.file.name, pd.DataFrame({"n": [1]}), part.recipe, sidecar=False
                )


def test_what_is_missing_is_made_and_the_manifest_lists_all(tmp_path, caplog):
    caplog.set_level("INFO")
    manifest, first, second = tmp_path / "train_0000.json", Maker(tmp_path), Maker(tmp_path)
    shards.make(manifest, SETTINGS, PARTS, first)
    written = manifest.read_bytes()
    for file in (manifest, tmp_path / "dog.llm.parquet"):
        file.unlink()
    shards.make(manifest, SETTINGS, iter(PARTS), second)
    assert (first.asked, second.asked) == (["cat", "dog", "eel"], ["dog"])
    assert manifest.read_bytes() == written
    assert caplog.messages == ["3 files to make, 0 there already", "1 files to make, 2 there already"]
    entries = shards.read_manifest(manifest)
    assert [entry["sha256"] for entry in entries] == [artifacts.file_hash(entry["file"]) for entry in entries]
    shards.make(manifest, SETTINGS, PARTS, second)  # nothing is missing
    assert second.asked == ["dog"]


def test_a_bad_model_holds_up_no_other_and_all_are_named(tmp_path):
    parts = [PARTS[0], shards.Failure("dog", "no exemplar"), PARTS[2]]
    says = r"^2 of 3 models failed, the others are kept: dog: no exemplar; cat: loss nan$"
    with pytest.raises(ValueError, match=says):
        shards.make(tmp_path / "train_0000.json", SETTINGS, parts, Maker(tmp_path, "cat"))
    assert [file.name for file in tmp_path.iterdir()] == ["eel.llm.parquet"]


def test_what_is_left_of_a_shard_is_computed_in_the_batches_of_the_whole():
    assert shards.whole_batches("abcdefgh", 3, {"b", "c", "g"}.__contains__) == list("abcgh")
    assert shards.whole_batches("abc", 3, set().__contains__) == []


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"case": "a"}', '{"case": "a", "models": null}', '{"case": "a", "models": [{}]}']
)
def test_what_is_no_manifest_is_named(tmp_path: Path, text: str):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=r"a\.json: not the manifest of a shard"):
        shards.read_manifest(tmp_path / "a.json")
