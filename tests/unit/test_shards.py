import itertools
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards
from workflow_scripts.study.settings.release import ImportSamplesSettings


def test_a_file_is_finished_if_it_was_made_the_same_way(tmp_path):
    file, recipe = tmp_path / "cat_0001.safetensors", {"settings": {"steps": 1}, "inputs": {"base_model": "abc"}}
    assert not shards.finished_hash(file, recipe, [])
    artifacts.write_tensors(file, {}, {**recipe, "loss": 1.0})
    written = artifacts.file_hash(file)
    assert shards.finished_hash(file, {**recipe, "versions": {"torch": "9"}}, [written]) == written
    assert not shards.finished_hash(file, {**recipe, "settings": {"steps": 2}}, [written])
    assert not shards.finished_hash(file, {**recipe, "inputs": {"base_model": "def"}}, [written])


def test_a_file_is_not_finished_if_nothing_proves_its_bytes(tmp_path):
    file, recipe = tmp_path / "cat_0001.safetensors", {"settings": {}, "inputs": {}}
    artifacts.write_tensors(file, {"weight": np.zeros(99)}, recipe)
    written = artifacts.file_hash(file)
    flip(file)
    assert artifacts.read_provenance(file) == recipe
    assert not shards.finished_hash(file, recipe, [])
    assert not shards.finished_hash(file, recipe, [written])


def flip(file: Path) -> None:
    """Changes the last bit of a file."""
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def test_cut_off_files_are_made_again_and_leftovers_removed(tmp_path):
    file, recipe = tmp_path / "cat_0001.safetensors", {"settings": {}, "inputs": {}}
    artifacts.write_tensors(file, {}, recipe)
    file.write_bytes(file.read_bytes()[:9])
    (tmp_path / "cat_0001.safetensors.123.part").touch()
    (tmp_path / "cat_00010.safetensors.123.part").touch()  # another model's, perhaps another worker's
    assert not shards.finished_hash(file, recipe, [artifacts.file_hash(file)])
    assert [path.name for path in tmp_path.glob("*.part")] == ["cat_00010.safetensors.123.part"]


SETTINGS = ImportSamplesSettings(
    **{"study": "tiny", "seed": 0, "case": "pets", "kind": "object", "shard": "train_0000"},
    **{"models": ("cat", "dog", "eel"), "class_words": {"cat": "cat", "dog": "dog", "eel": "eel"}},
    **{"prompts": {"llm": 1}, "samples_per_prompt": 1, "allow_missing": False, "release": 1},
)
PARTS = [shards.Part(file, {"settings": {"model": file.model}, "inputs": {}}) for file in SETTINGS.files()]


class Maker:
    """Writes the missing files of a shard, apart from those of bad models."""

    def __init__(self, folder: Path, *bad: str, there_may_be_a_manifest: bool = False) -> None:
        self.folder, self.bad, self.asked = folder, bad, []
        self.there_may_be_a_manifest = there_may_be_a_manifest

    def __call__(self, parts: Sequence[shards.Part], missing: Sequence[shards.Part]) -> Iterator[shards.Failure]:
        assert self.there_may_be_a_manifest or not (self.folder / "train_0000.json").exists()
        assert list(parts) == [part for part in PARTS if part in parts]
        for part in missing:
            self.asked.append(part.file.model)
            if part.file.model in self.bad:
                yield shards.Failure(part.file.model, "loss nan")
            else:
                checklist = shards.checklist_of(self.folder / "train_0000.json")
                artifacts.write_table(self.folder / part.file.name, pd.DataFrame({"n": [1]}), part.recipe, checklist)


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


WITNESSES = ("train_0000.json", "train_0000.json.sha256", "train_0000.files.sha256")


@pytest.mark.parametrize("removed", [1, 2, 3])  # by following advice, by Snakemake, by accident
@pytest.mark.parametrize("damaged", [(), *itertools.combinations(WITNESSES, 1), *itertools.combinations(WITNESSES, 2)])
def test_a_damaged_file_is_made_again_whatever_witness_is_lost_with_it(damaged, removed: int, tmp_path: Path):
    """Two or three faults at once; some of the files that are whole may be made again, too."""
    manifest = tmp_path / "train_0000.json"
    shards.make(manifest, SETTINGS, PARTS, Maker(tmp_path))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    for name in ("dog.llm.parquet", *damaged):
        flip(tmp_path / name)
    for name in WITNESSES[:removed]:
        (tmp_path / name).unlink()
    again = Maker(tmp_path)
    shards.make(manifest, SETTINGS, PARTS, again)
    assert "dog" in again.asked
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_shard_from_before_there_were_checklists_is_proven_by_its_manifest(tmp_path: Path):
    manifest = tmp_path / "train_0000.json"
    shards.make(manifest, SETTINGS, PARTS, Maker(tmp_path))
    shards.checklist_of(manifest).unlink()
    flip(tmp_path / "dog.llm.parquet")
    again = Maker(tmp_path, there_may_be_a_manifest=True)
    shards.make(manifest, SETTINGS, PARTS, again)
    assert again.asked == ["dog"]


def test_half_a_line_of_a_killed_worker_spoils_no_other(tmp_path: Path):
    manifest = tmp_path / "train_0000.json"
    shards.make(manifest, SETTINGS, PARTS, Maker(tmp_path))
    whole = shards.checklist_of(manifest).read_bytes()
    manifest.unlink()
    shards.checklist_of(manifest).write_bytes(whole[:-30])
    again = Maker(tmp_path)
    shards.make(manifest, SETTINGS, PARTS, again)
    assert again.asked == ["eel"]
    assert shards.checklist_of(manifest).read_bytes() == whole
    done = subprocess.run(["sha256sum", "--check", "--strict", "train_0000.files.sha256"], cwd=tmp_path)
    assert done.returncode == 0


def test_a_bad_model_holds_up_no_other_and_all_are_named(tmp_path):
    parts = [PARTS[0], shards.Failure("dog", "no exemplar"), PARTS[2]]
    says = r"^2 of 3 models failed, the others are kept: dog: no exemplar; cat: loss nan$"
    with pytest.raises(ValueError, match=says):
        shards.make(tmp_path / "train_0000.json", SETTINGS, parts, Maker(tmp_path, "cat"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["eel.llm.parquet", "train_0000.files.sha256"]
    assert list(artifacts.read_hashes(tmp_path / "train_0000.files.sha256")) == ["eel.llm.parquet"]


def test_what_is_left_of_a_shard_is_computed_in_the_batches_of_the_whole():
    assert shards.whole_batches("abcdefgh", 3, {"b", "c", "g"}.__contains__) == list("abcgh")
    assert shards.whole_batches("abc", 3, set().__contains__) == []


HASH = "0" * 64
ENTRY = {"model": "cat", "file": "cat.parquet", "sha256": HASH}
NO_MANIFEST = {
    "[]": "Expected `object`, got `array`",
    "{}": "missing required field `case`",
    '{"case": "a"}': "missing required field `models`",
    '{"case": "a", "models": null}': r"got `null` - at `\$\.models`",
    '{"case": "a", "models": [{}]}': "missing required field `model`",
    json.dumps({"case": "a", "models": [{**ENTRY, "sha256": "short"}]}): "matching regex",
    json.dumps({"case": ["a"], "models": [ENTRY]}): r"Expected `str`, got `array` - at `\$\.case`",
}
LEADING_OUT = ["/etc/passwd", "../a.parquet", "a/../../b", "", ".", "a\0b", "..\\a", "\ud800", "a" * 256, "a/" * 2500]


@pytest.mark.parametrize("text", NO_MANIFEST)
def test_what_is_no_manifest_is_named(tmp_path: Path, text: str):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=rf"a\.json: not the manifest of a shard \(.*{NO_MANIFEST[text]}"):
        shards.read_manifest(tmp_path / "a.json")


@pytest.mark.parametrize("name", LEADING_OUT)
def test_no_manifest_names_a_file_elsewhere(tmp_path: Path, name: str):
    (tmp_path / "a.json").write_text(json.dumps({"case": "a", "models": [ENTRY, {**ENTRY, "file": name}]}))
    with pytest.raises(ValueError, match=r"a\.json: not the manifest of a shard \('.* path within /"):
        shards.read_manifest(tmp_path / "a.json")
