"""The step `embed`: order, provenance, and one clear line for bad input."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from workflow_scripts import artifacts
from workflow_scripts.artifacts import tables
from workflow_scripts.encoders import _batches, encode_files, pixels
from workflow_scripts.steps import embed

SETTINGS = {"version": 1, "size": 1}  # of `pixels`: the mean colour as features


def grey(value: int, height: int = 16, width: int = 16) -> bytes:
    return artifacts.encode_png(np.full((height, width, 3), value, np.uint8))


def write_images(path, images):
    artifacts.write_table(path, pd.DataFrame({"id": range(len(images)), "image": images}), {})
    return path


def run(monkeypatch, *flags):
    monkeypatch.setattr(
        sys, "argv", ["embed", "--encoder", "pixels", "--settings", json.dumps(SETTINGS), *map(str, flags)]
    )
    embed.main()


def test_rows_keep_their_order_and_may_differ_in_size(tmp_path, monkeypatch):
    source = write_images(tmp_path / "case.parquet", [grey(0), grey(255, 24, 32), grey(51)])
    run(monkeypatch, "--exemplars", source, "--output", tmp_path / "f.safetensors")
    features = artifacts.read_tensors(tmp_path / "f.safetensors", {"encoder": "pixels", "size": 1})["features"]
    assert features == pytest.approx(np.array([[-1] * 3, [1] * 3, [-0.6] * 3]))
    assert artifacts.read_provenance(tmp_path / "f.safetensors")["inputs"] == {"source": artifacts.file_hash(source)}


def test_more_rows_than_a_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(_batches, "BATCH", 3)
    source = write_images(tmp_path / "case.parquet", [grey(51 * value) for value in (0, 1, 2, 3, 4, 5, 0)])
    run(monkeypatch, "--exemplars", source, "--output", tmp_path / "f.safetensors")
    features = artifacts.read_tensors(tmp_path / "f.safetensors")["features"]
    assert features[:, 0] == pytest.approx([-1, -0.6, -0.2, 0.2, 0.6, 1, -1])


def test_workers_change_nothing(tmp_path, monkeypatch):
    """Batches across files and row groups, decoded here or by two other processes."""
    monkeypatch.setattr(_batches, "BATCH", 3)
    monkeypatch.setattr(tables, "ROWS_OF_IMAGES", 2)
    files = [write_images(tmp_path / f"{name}.parquet", [grey(16 * name + i) for i in range(5)]) for name in range(3)]
    encoder = pixels.load(pixels.Settings(size=1))
    here, there = (encode_files(files, encoder, workers) for workers in (0, 2))
    for name, (a, b) in enumerate(zip(here, there, strict=True)):
        assert a[:, 0] == pytest.approx([(16 * name + i) / 127.5 - 1 for i in range(5)])
        np.testing.assert_array_equal(a, b)
    write_images(files[1], [grey(0), grey(9)[:40]])
    with pytest.raises(ValueError, match=r"^\S*1\.parquet: row 1: not a readable image"):
        encode_files(files, encoder, workers=2)


@pytest.fixture
def shard(tmp_path):
    """Two models, two prompt sets, in the order of the manifest."""
    entries = []
    for model, prompt_set, values in (("b", "llm", (0, 51)), ("b", "procedural", (102,)), ("a", "llm", (255,))):
        name = f"{model}.{prompt_set}.parquet"
        file = write_images(tmp_path / name, [grey(value) for value in values])
        entries.append({"model": model, "prompt_set": prompt_set, "file": name, "sha256": artifacts.file_hash(file)})
    artifacts.write_json(tmp_path / "shard.json", {"case": "pets", "models": entries})
    return tmp_path / "shard.json"


def test_samples_of_a_shard(shard, tmp_path, monkeypatch):
    run(monkeypatch, "--samples", shard, "--output", tmp_path / "f.safetensors")
    tensors = artifacts.read_tensors(tmp_path / "f.safetensors")
    assert tensors["llm"][:, 0] == pytest.approx([-1, -0.6, 1])
    assert tensors["procedural"][:, 0] == pytest.approx([-0.2])
    rows = artifacts.read_provenance(tmp_path / "f.safetensors")["rows"]
    assert rows == {"llm": {"b": [0, 2], "a": [2, 3]}, "procedural": {"b": [0, 1]}}


def test_samples_that_changed_behind_the_manifest_are_refused(shard, tmp_path, monkeypatch):
    write_images(tmp_path / "a.llm.parquet", [grey(7)])
    with pytest.raises(ValueError, match=r"a\.llm\.parquet: its sha256 is not the one in .*shard\.json"):
        run(monkeypatch, "--samples", shard, "--output", tmp_path / "f.safetensors")


def test_a_truncated_image_is_named_and_nothing_is_written(tmp_path, monkeypatch):
    source = write_images(tmp_path / "case.parquet", [grey(0), grey(9)[:40]])
    with pytest.raises(ValueError, match=r"case\.parquet: row 1: not a readable image"):
        run(monkeypatch, "--exemplars", source, "--output", tmp_path / "f.safetensors")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.parquet", "case.parquet.sha256"]


def test_a_table_without_images_is_named(tmp_path, monkeypatch):
    artifacts.write_table(tmp_path / "case.parquet", pd.DataFrame({"id": [1]}), {})
    with pytest.raises(ValueError, match=r"case\.parquet: lacks column 'image'; it has id"):
        run(monkeypatch, "--exemplars", tmp_path / "case.parquet", "--output", tmp_path / "f.safetensors")


def test_features_that_are_not_finite_are_named(tmp_path):
    class Broken:
        dim = 1

        def preprocess(self, images):
            return torch.tensor(images).float()

        def __call__(self, images):
            return 1 / images[:, 0, 0, :1]

    source = write_images(tmp_path / "case.parquet", [grey(5), grey(0)])
    with pytest.raises(ValueError, match=r"case\.parquet: row 1: the features of its image are not finite"):
        encode_files([source], Broken())
