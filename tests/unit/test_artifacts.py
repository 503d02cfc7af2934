"""Artefacts: what is written is read again, atomically, with provenance, and errors name the file."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests import projects
from workflow_scripts import artifacts, cli
from workflow_scripts.artifacts import tables

PROVENANCE = {"settings": {"encoder": "pixels"}, "inputs": {}}


@pytest.fixture
def table() -> pd.DataFrame:
    image = artifacts.encode_png(np.zeros((16, 16, 3), np.uint8))
    return pd.DataFrame({"model": ["cat_0000", "cat_0001"], "k": [0, 0], "image": [image, image]})


def test_canonical_json_has_one_spelling():
    assert cli.canonical_json({"b": 1, "a": [True, None, "é"]}) == '{"a":[true,null,"é"],"b":1}'
    assert artifacts.settings_hash({"b": 1, "a": 2}) == artifacts.settings_hash({"a": 2, "b": 1})
    assert artifacts.settings_hash({"a": 1}) != artifacts.settings_hash({"a": 2})


def test_tensors_are_read_again(tmp_path: Path):
    file = tmp_path / "a" / "x.safetensors"
    tensors = {"features": np.arange(6, dtype=np.float32).reshape(2, 3).T}
    artifacts.write_tensors(file, tensors, PROVENANCE)
    np.testing.assert_array_equal(artifacts.read_tensors(file, {"encoder": "pixels"})["features"], tensors["features"])
    assert artifacts.read_provenance(file) == PROVENANCE


def test_tensors_of_another_encoder_are_refused(tmp_path: Path):
    file = tmp_path / "x.safetensors"
    artifacts.write_tensors(file, {"features": np.zeros((1, 1), np.float32)}, PROVENANCE)
    with pytest.raises(ValueError, match=r"x\.safetensors: encoder is 'pixels' in the file's .*, expected 'clip'"):
        artifacts.read_tensors(file, {"encoder": "clip"})


def test_a_truncated_tensor_file_is_refused(tmp_path: Path):
    file = tmp_path / "x.safetensors"
    artifacts.write_tensors(file, {"features": np.zeros((9, 9), np.float32)}, PROVENANCE)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"x\.safetensors: not a valid safetensors file"):
        artifacts.read_tensors(file)


def test_a_table_of_images_is_read_again(tmp_path: Path, table: pd.DataFrame):
    file = tmp_path / "x.parquet"
    artifacts.write_table(file, table, PROVENANCE)
    pd.testing.assert_frame_equal(artifacts.read_table(file, expect={"encoder": "pixels"}), table)
    assert artifacts.read_provenance(file) == PROVENANCE


def test_an_image_column_is_one_for_hugging_face_too(tmp_path: Path, table: pd.DataFrame):
    import pyarrow.parquet as pq

    file = tmp_path / "x.parquet"
    artifacts.write_table(file, table, PROVENANCE)
    schema = pq.read_schema(file)
    assert {field.name for field in schema.field("image").type} == {"bytes", "path"}
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    artifacts.write_table(file, table.assign(twins=[["a"]] * len(table)), PROVENANCE)
    features = json.loads(pq.read_schema(file).metadata[b"huggingface"])["info"]["features"]
    assert features["twins"] == {"_type": "Sequence", "feature": {"dtype": "string", "_type": "Value"}}
    assert features["k"] == {"dtype": "int64", "_type": "Value"}


def test_the_package_of_hugging_face_opens_lists_and_nulls_beside_an_image(tmp_path: Path, table: pd.DataFrame):
    datasets = pytest.importorskip("datasets")
    lists = {"twins": [["a", "b"]] + [[]] * (len(table) - 1), "ranks": [np.array([1, 2])] * len(table)}
    more = {"seen_twin": pd.array([True] + [None] * (len(table) - 1), "boolean"), "loss": np.float32(0.5)}
    file = tmp_path / "x.parquet"
    artifacts.write_table(file, table.assign(**lists, **more), PROVENANCE)
    rows = datasets.load_dataset("parquet", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows[0]["twins"] == ["a", "b"] and rows[0]["ranks"] == [1, 2]
    assert [row["seen_twin"] for row in rows] == [True] + [None] * (len(table) - 1)
    np.testing.assert_array_equal(np.asarray(rows[0]["image"]), artifacts.decode_image(table.image[0], "x"))


def test_a_missing_column_is_named(tmp_path: Path, table: pd.DataFrame):
    file = tmp_path / "x.parquet"
    artifacts.write_table(file, table, PROVENANCE)
    with pytest.raises(ValueError, match=r"x\.parquet: lacks column 'split'; it has model, k, image"):
        artifacts.read_table(file, ["model", "split"])


def test_a_truncated_table_is_refused(tmp_path: Path, table: pd.DataFrame):
    file = tmp_path / "x.parquet"
    artifacts.write_table(file, table, PROVENANCE)
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"x\.parquet: not a valid parquet file"):
        artifacts.read_table(file)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path):
    file = tmp_path / "x.json"
    artifacts.write_json(file, {"a": 1})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match="not JSON compliant"):
        artifacts.write_json(file, {"a": float("nan")})
    with pytest.raises(RuntimeError), artifacts.atomic(file) as part:
        part.write_text("half")
        raise RuntimeError
    assert artifacts.read_json(file) == {"a": 1}
    assert sorted(tmp_path.iterdir()) == before
    assert artifacts.recorded_hash(file) == artifacts.file_hash(file)


def test_sha256sum_proves_every_kind_of_artefact(tmp_path: Path, table: pd.DataFrame):
    artifacts.write_text(tmp_path / "x.csv", "a")
    artifacts.write_json(tmp_path / "x.json", {})
    artifacts.write_tensors(tmp_path / "x.safetensors", {"a": np.zeros(3)}, PROVENANCE)
    artifacts.write_table(tmp_path / "x.parquet", table, PROVENANCE)
    sidecars = sorted(path.name for path in tmp_path.glob("*.sha256"))
    assert sidecars == ["x.csv.sha256", "x.json.sha256", "x.parquet.sha256", "x.safetensors.sha256"]
    assert subprocess.run(["sha256sum", "--check", "--strict", *sidecars], cwd=tmp_path).returncode == 0
    (tmp_path / "x.csv").write_text("b")
    assert subprocess.run(["sha256sum", "--check", "--strict", *sidecars], cwd=tmp_path).returncode == 1


def test_a_file_that_a_manifest_lists_needs_no_sidecar(tmp_path: Path):
    file = tmp_path / "cat_0000.safetensors"
    artifacts.write_tensors(file, {}, PROVENANCE, sidecar=False)
    assert list(tmp_path.iterdir()) == [file]
    assert artifacts.recorded_hash(file) is None


@pytest.mark.parametrize("text", ["", "abc  x.json\n", f"{'0' * 64}  y.json\n", f"{'0' * 64}  x.json"])
def test_a_broken_sidecar_is_named(tmp_path: Path, text: str):
    (tmp_path / "x.json.sha256").write_text(text)
    with pytest.raises(ValueError, match=r"x\.json\.sha256: not a line of sha256sum"):
        artifacts.recorded_hash(tmp_path / "x.json")


def test_a_broken_json_file_is_named(tmp_path: Path):
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ValueError, match=r"x\.json: not valid JSON"):
        artifacts.read_json(tmp_path / "x.json")


@pytest.mark.parametrize("name", ["x.json", "x.safetensors", "x.parquet", "x.pth"])
def test_only_what_a_rule_makes_is_made_again_by_deleting_it(name: str, tmp_path: Path):
    readers = {".json": artifacts.read_json, ".parquet": artifacts.read_table, ".pth": artifacts.read_weights}
    read = readers.get(Path(name).suffix, artifacts.read_tensors)
    for folder, sidecar, remedy in (
        ("results/smoke", False, "delete it and run again"),
        ("data/hub", True, "delete it and run again"),
        ("data/abc_release", False, "no run makes it: get it again from where you have it"),
    ):
        file = tmp_path / folder / name
        file.parent.mkdir(parents=True)
        for content in (b"{", b"\xff\xfe\x00", b"<!DOCTYPE html><html>Quota exceeded</html>"):
            file.write_bytes(content)
            if sidecar:
                artifacts.sidecar_of(file).write_text("")
            with pytest.raises(ValueError, match=rf"{name}: .+; {remedy}$") as caught:
                read(file)
            assert ("(it is a web page, " in str(caught.value)) == (content[:1] == b"<")
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("umask", [0o002, 0o022, 0o077])
def test_the_umask_decides_who_may_read_an_artefact(umask: int, tmp_path: Path, table: pd.DataFrame):
    tensors = {"features": np.zeros(1, np.float32)}
    before = os.umask(umask)
    try:
        artifacts.write_tensors(tmp_path / "a.safetensors", tensors, PROVENANCE)
        artifacts.write_weights(tmp_path / "b.safetensors", {"w": torch.zeros(1)}, {})
        artifacts.write_weights(tmp_path / "c.bin", {"w": torch.zeros(1)}, {})
        artifacts.write_table(tmp_path / "d.parquet", table, PROVENANCE)
        artifacts.write_json(tmp_path / "e.json", {})
    finally:
        os.umask(before)
    assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {
        file.name: 0o666 & ~umask for file in tmp_path.iterdir()
    }


def test_images_survive_and_equal_pixels_give_equal_bytes():
    image = np.random.default_rng(0).integers(0, 256, (16, 17, 3), dtype=np.uint8)
    data = artifacts.encode_png(image)
    assert data == artifacts.encode_png(image.copy())
    np.testing.assert_array_equal(artifacts.decode_image(data, "x"), image)


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_a_truncated_image_is_named(keep: int):
    data = artifacts.encode_png(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="exemplar cat_0000/0: not a readable image"):
        artifacts.decode_image(data[:keep], "exemplar cat_0000/0")


def test_provenance_hashes_files_and_folders(tmp_path: Path):
    folder = tmp_path / "model"
    (folder / "unet").mkdir(parents=True)
    (folder / "unet" / "weights").write_bytes(b"1")
    before = artifacts.make_provenance({}, {"model": folder})["inputs"]
    assert before == artifacts.make_provenance({}, {"model": folder})["inputs"]
    (folder / "unet" / "weights").write_bytes(b"2")
    assert before != artifacts.make_provenance({}, {"model": folder})["inputs"]


def rows(count: int) -> pd.DataFrame:
    """A table of images in which the first rows leave open what some columns hold."""
    names = [None if i < 3 else f"author {i}" for i in range(count)]
    twins = [[] if i < 3 else [f"{i}", f"{i + 1}"] for i in range(count)]
    images = [np.random.default_rng(i).bytes(40_000) for i in range(count)]  # 32 rows are more than a page
    return pd.DataFrame({"k": range(count), "image": images, "author": names, "twins": twins, "seen": True})


@pytest.mark.parametrize("length", [1, 3, 10, 64, 100])
def test_parts_of_a_table_give_the_file_of_the_whole(length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "ROWS_OF_IMAGES", 32)
    whole = rows(100)
    artifacts.write_table(tmp_path / "whole.parquet", whole, PROVENANCE)
    cut = (whole.iloc[i : i + length].reset_index(drop=True) for i in range(0, 100, length))
    artifacts.write_table(tmp_path / "parts.parquet", cut, PROVENANCE)
    assert (tmp_path / "whole.parquet").read_bytes() == (tmp_path / "parts.parquet").read_bytes()
    assert artifacts.Images(tmp_path / "parts.parquet").bounds == [0, 32, 64, 96, 100]
    again = artifacts.read_table(tmp_path / "parts.parquet")
    assert list(again.columns) == ["k", "author", "twins", "seen", "image"]
    assert list(again["image"]) == list(whole["image"])
    assert list(map(list, again["twins"])) == list(whole["twins"])
    assert again["author"].isna().sum() == 3 and again["author"][3] == "author 3"


def test_the_last_row_group_may_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tables, "ROWS_OF_IMAGES", 32)
    artifacts.write_table(tmp_path / "x.parquet", [rows(40), rows(24)], PROVENANCE)
    assert artifacts.Images(tmp_path / "x.parquet").bounds == [0, 32, 64]


def test_what_no_row_has_is_text(tmp_path: Path):
    import pyarrow.parquet as pq

    artifacts.write_table(tmp_path / "x.parquet", rows(2), PROVENANCE)
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "x.parquet")}
    assert types["author"] == "large_string"
    assert types["twins"] == "list<element: string>"


def test_parts_that_do_not_fit_leave_the_old_table(tmp_path: Path, table: pd.DataFrame):
    file = tmp_path / "x.parquet"
    artifacts.write_table(file, table, PROVENANCE)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match=r"x\.parquet: a part has columns model, k, image, new; expected model, k, im"):
        artifacts.write_table(file, [table, table.assign(new=1)], PROVENANCE)
    with pytest.raises(ValueError, match=r"x\.parquet: no rows to write"):
        artifacts.write_table(file, [], PROVENANCE)

    def breaks_off():
        yield table
        raise ValueError("no more images")

    with pytest.raises(ValueError, match="no more images"):
        artifacts.write_table(file, breaks_off(), PROVENANCE)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_table_without_rows_is_read_again(tmp_path: Path, table: pd.DataFrame):
    artifacts.write_table(tmp_path / "x.parquet", table.head(0), PROVENANCE)
    assert list(artifacts.read_table(tmp_path / "x.parquet").columns) == ["model", "k", "image"]
    assert len(artifacts.Images(tmp_path / "x.parquet")) == 0


def test_what_pandas_does_not_read_is_named(tmp_path: Path):
    (tmp_path / "x.csv").write_text('a,b\n1,"2\n')
    with pytest.raises(ValueError, match=r"x\.csv: not a valid CSV table \("):
        artifacts.read_csv(tmp_path / "x.csv")


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_weights_are_read_again(tmp_path: Path, ending: str):
    file, weights = tmp_path / f"x.{ending}", {"a": torch.arange(6.0).view(2, 3).T, "b": torch.zeros(0)}
    artifacts.write_weights(file, weights, {"step": "3"})
    read = artifacts.read_weights(file)
    assert read.keys() == weights.keys() and all(torch.equal(read[name], weights[name]) for name in weights)
    assert list(tmp_path.iterdir()) == [file]


def test_code_in_weights_is_not_run(tmp_path: Path):
    torch.save({"a": print}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"x\.pt: cannot be read as weights, and no code in it is run \("):
        artifacts.read_weights(tmp_path / "x.pt")
    torch.save([torch.zeros(1)], tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"x\.pt: holds a list, expected tensors by key"):
        artifacts.read_weights(tmp_path / "x.pt")


FORMATS = re.compile(
    r"\bpd\.read_|\.to_(csv|parquet)\(|\bpyarrow\b|\bsafe_open\b|\b(load|save)_file\(|\btorch\.(load|save)\(|"
    r"\bimport pickle\b|\bBytesIO\b|\bnp\.(load|save)\w*\("
)
BITMAPS_OF_OTHERS = {"miniature/corpus/rendering.py", "release/images.py"}  # of any kind, also those that we refuse


def test_no_other_module_knows_file_formats():
    package = projects.ROOT / "workflow_scripts"
    files = {file.relative_to(package).as_posix(): file.read_text() for file in package.rglob("*.py")}
    others = {name for name, text in files.items() if not name.startswith("artifacts/") and FORMATS.search(text)}
    assert others == BITMAPS_OF_OTHERS
    assert FORMATS.search(files["artifacts/tables.py"]) and FORMATS.search(files["artifacts/tensors.py"])
