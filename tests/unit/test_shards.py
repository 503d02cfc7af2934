import os

import pytest

from workflow_scripts import artifacts
from workflow_scripts.ground_truth import shards


@pytest.mark.parametrize(("job", "line"), [("", f"kill {os.getpid()}"), ("17", "scancel 17")])
def test_a_second_worker_is_told_who_holds_the_shard(job: str, line: str, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", job)
    manifest = tmp_path / "models" / "train_0000.json"
    told = pytest.raises(ValueError, match=rf"\.lock: this shard is being made by process \d+ on \S+ \({line}\) since")
    with shards.locked(manifest), told, shards.locked(manifest):
        pass
    assert list(manifest.parent.iterdir()) == []
    with shards.locked(manifest):  # and it is free again
        pass


def test_the_lock_left_by_a_killed_worker_locks_nothing(tmp_path):
    manifest = tmp_path / "train_0000.json"
    manifest.with_suffix(".lock").write_text("process 1 on elsewhere since long ago")
    with shards.locked(manifest):
        assert "elsewhere" not in manifest.with_suffix(".lock").read_text()


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


def test_all_failures_are_named():
    shards.refuse({}, 3)
    with pytest.raises(ValueError, match=r"^2 of 3 models failed, the others are kept: a: loss nan; b: no exemplar$"):
        shards.refuse({"a": "loss nan", "b": "no exemplar"}, 3)


def test_what_is_left_of_a_shard_is_computed_in_the_batches_of_the_whole():
    assert shards.whole_batches("abcdefgh", 3, {"b", "c", "g"}.__contains__) == list("abcgh")
    assert shards.whole_batches("abc", 3, set().__contains__) == []
