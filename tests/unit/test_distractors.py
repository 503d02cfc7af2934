"""Distractors from tars as img2dataset writes them, and from folders."""

import hashlib
import io
import json
import logging
import re
import tarfile
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from tests.unit.pictures import encoded, picture, write
from workflow_scripts import artifacts, cli
from workflow_scripts.exemplar_sources import DISTRACTOR_COLUMNS, Exemplars, distractors, image_folder
from workflow_scripts.seeds import derive_seed
from workflow_scripts.steps import select_distractors

NONE = Exemplars()


def sample(key: str, image: bytes, caption: str | None = None, **record: object) -> dict[str, bytes]:
    """The members of a sample, as img2dataset orders them."""
    members = {f"{key}.jpg": image, f"{key}.json": json.dumps({"caption": caption, **record}).encode()}
    return members if caption is None else {**members, f"{key}.txt": caption.encode()}


def write_tar(file: Path, *samples: dict[str, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as tar:
        for name, data in (member for members in samples for member in members.items()):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return file


def shard(number: int, count: int = 6) -> list[dict[str, bytes]]:
    """Samples of a tar, each with a picture of its own."""
    return [
        sample(
            f"{number:05d}{k:04d}",
            encoded(picture(100 * number + k)),
            f"caption {k}",
            url=f"https://x.org/{number}/{k}",
        )
        for k in range(count)
    ]


def chosen(source: Path, count: int, exemplars: Exemplars = NONE, seed: int = 0) -> pd.DataFrame:
    return pd.concat(distractors.distract(source, exemplars, count, seed), ignore_index=True)


def smallest(names: list[str], count: int) -> set[str]:
    """The ids with the smallest hashes: what must be chosen if all images can serve."""
    return set(sorted(names, key=lambda name: derive_seed(0, "distractor", *name.split("/")))[:count])


@pytest.fixture
def laion(tmp_path: Path) -> Path:
    """Three tars of six images."""
    for number in range(3):
        write_tar(tmp_path / f"laion/{number:05d}.tar", *shard(number))
    return tmp_path / "laion"


def test_the_images_of_the_smallest_hashes_serve(laion: Path):
    table = chosen(laion, 7)
    assert list(table.columns) == list(DISTRACTOR_COLUMNS)
    names = [f"{number:05d}/{number:05d}{k:04d}" for number in range(3) for k in range(6)]
    assert set(table.id) == smallest(names, 7)
    assert table.id.is_monotonic_increasing  # tar by tar
    row = table.iloc[0]
    number, k = int(row.id[:5]), int(row.id[-4:])
    assert row.image == encoded(picture(100 * number + k))
    assert row.sha256 == hashlib.sha256(row.image).hexdigest()
    assert row.drop(["image", "sha256", "id"]).to_dict() == {
        **{"class": "", "caption": f"caption {k}", "source": f"https://x.org/{number}/{k}"},
        **{"licence": "see url", "author": "unknown"},
    }
    assert set(chosen(laion, 18).id) == set(names)


def test_fewer_distractors_are_part_of_more(laion: Path):
    assert set(chosen(laion, 5).id) < set(chosen(laion, 9).id)
    assert set(chosen(laion, 9).id) != set(chosen(laion, 9, seed=1).id)


def test_the_order_of_tars_and_of_their_samples_decides_nothing(laion: Path, tmp_path: Path):
    for number in reversed(range(3)):
        write_tar(tmp_path / f"other/{number:05d}.tar", *reversed(shard(number)))
    expected, found = (chosen(source, 8).sort_values("id") for source in (laion, tmp_path / "other"))
    assert list(expected.id) == list(found.id) and list(expected.sha256) == list(found.sha256)


def test_images_that_cannot_serve_make_room_for_the_next(laion: Path, caplog: pytest.LogCaptureFixture):
    good = list(chosen(laion, 18).sort_values("id").id)
    broken, copied, ours, copy_of_ours = good[:4]
    samples = shard(0)
    samples[0] = sample("000000000", encoded(picture(0))[:700])
    samples[1] = sample("000000001", encoded(picture(101)), url="https://x.org/again")  # a copy of 00001/000010001
    write_tar(laion / "00000.tar", *samples)
    exemplars = Exemplars({"https://x.org/0/2"}, {hashlib.sha256(encoded(picture(3))).hexdigest()})
    with caplog.at_level(logging.INFO):
        table = chosen(laion, 14, exemplars)
    assert len(table) == 14 == table.sha256.nunique()
    assert not {broken, ours, copy_of_ours} & set(table.id)
    assert len({copied, "00001/000010001"} & set(table.id)) == 1
    skipped = "1 .jpg (a copy), 2 .jpg (an exemplar), 1 .jpg (unreadable)"
    assert caplog.messages[-1] == f"{laion}: 14 images, skipped: {skipped}"
    says = f"{laion}: distractors.count is 15, the 3 tars have 18 images; skipped: 1 .jpg (a copy), 2 .jpg (an"
    with pytest.raises(ValueError, match=f"^{re.escape(says)}"):
        chosen(laion, 15, exemplars)


def test_what_stands_beside_an_image_describes_it(tmp_path: Path):
    image = [encoded(picture(k)) for k in range(8)]
    write_tar(
        tmp_path / "x.tar",
        {"a.jpg": image[0], "a.json": b'{"caption": "of the json", "url": "https://x.org"}'},
        {"b.txt": b" of the text \n", "b.jpg": image[1], "b.json": b'{"caption": "of the json"}'},
        {"c.jpg": image[2], "c.json": b"no json", "c.txt": b"caf\xe9"},
        {"./sub/d.JPEG": image[3]},
        {"e.txt": b"no image"},
        {"f.png": encoded(picture(4), "PNG"), "f.json": b"[" * 99_999},
        {"._a.jpg": image[5]},
        {"a.jpg": image[6]},  # the key of the first once more
    )
    table = chosen(tmp_path, 5).set_index("id")
    assert table[["caption", "source", "licence"]].T.to_dict("list") == {
        "x/a": ["of the json", "https://x.org", "see url"],
        "x/b": ["of the text", "x/b", "unknown"],
        "x/c": ["café", "x/c", "unknown"],
        "x/sub/d": ["", "x/sub/d", "unknown"],
        "x/f": ["", "x/f", "unknown"],
    }
    assert table.image["x/a"] == image[0]
    with pytest.raises(ValueError, match=r"distractors.count is 6, the 1 tars have 5 images"):
        chosen(tmp_path, 6)


def test_nothing_is_unpacked(tmp_path: Path):
    source = tmp_path / "in/tars"
    write_tar(source / "x.tar", {"../../out.jpg": encoded(picture(0))}, {f"{tmp_path}/abs.jpg": encoded(picture(1))})
    with tarfile.open(source / "x.tar", "a") as tar:
        link = tarfile.TarInfo("link.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert len(chosen(source, 2)) == 2
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [source / "x.tar"]
    with pytest.raises(ValueError, match="the 1 tars have 2 images"):
        chosen(source, 3)


SPOILT = {
    "within a member": lambda data, end: data[: end // 2],
    "within a header": lambda data, end: data[:100],
    "before the mark at its end": lambda data, end: data[:end],
    "empty": lambda data, end: b"",
    "no tar": lambda data, end: b"no tar at all" * 99,
    "overwritten from a header on": lambda data, end: data[:end] + b"x" * 1024,
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_truncated_tar_is_named(spoilt: str, laion: Path):
    file = laion / "00001.tar"
    with tarfile.open(file) as tar:
        members = tar.getmembers()
        end = tar.offset
    assert len(members) == 18
    file.write_bytes(SPOILT[spoilt](file.read_bytes(), end))
    with pytest.raises(ValueError, match=rf"^{re.escape(str(file))}: truncated, or not a tar \(.*\); make or fetch it"):
        chosen(laion, 3)


def test_memory_does_not_grow_with_the_images(tmp_path: Path):
    image = encoded(picture(0, (400, 400)), "PNG")
    for number in range(3):
        # What follows the end of a PNG makes it another file, but no other picture.
        write_tar(tmp_path / f"{number}.tar", *(sample(f"{k}", image + bytes([number, k])) for k in range(40)))
    tars = sorted(tmp_path.glob("*.tar"))

    def peak() -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in distractors._from_tars(tmp_path, tars, Exemplars(), 120, 0)) == 120
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # Whatever is imported, or grows once in the interpreter (its table of names by 15 MB), grows in one of them only.
    assert min(peak(), peak()) < 120 * len(image) / 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "mine"
    for k in range(3):
        write(source / f"cat/{k}.jpg", picture(k))
        write(source / f"{k}.JPG", picture(10 + k))
    write(source / "cat/0.json", b'{"caption": "a cat", "url": "https://x.org/cat"}')
    write(source / "cat/1.txt", b"another cat")
    write(source / ".cache/9.jpg", picture(20))
    write(source / "cat/.9.jpg", picture(21))
    return source


@pytest.mark.parametrize("module", [distractors, image_folder])
def test_without_tars_any_images_below_serve(module, folder: Path):
    table = pd.concat(module.distract(folder, Exemplars(), 6, 0)).set_index("id")
    assert sorted(table.index) == ["0.JPG", "1.JPG", "2.JPG", "cat/0.jpg", "cat/1.jpg", "cat/2.jpg"]
    assert list(table.index) == sorted(table.index, key=lambda name: derive_seed(0, "distractor", name))
    assert table.loc["cat/0.jpg", ["class", "caption", "source", "licence"]].tolist() == [
        "cat", "a cat", "https://x.org/cat", "see url",
    ]  # fmt: skip
    assert table.loc["cat/1.jpg", ["class", "caption", "source"]].tolist() == ["cat", "another cat", "mine/cat/1.jpg"]
    assert table.loc["0.JPG", ["class", "caption", "source", "licence"]].tolist() == ["", "", "mine/0.JPG", "unknown"]
    assert list(pd.concat(module.distract(folder, Exemplars(), 4, 0)).id) == list(table.index[:4])


def test_a_folder_with_too_few_images_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"mine: distractors.count is 7, the folder has 6 images; skipped: none$"):
        chosen(folder, 7)
    says = r"mine: distractors.count is 6, the folder has 6 images; skipped: 1 .jpg \(an exemplar\)"
    with pytest.raises(ValueError, match=says):
        chosen(folder, 6, Exemplars(sha256={artifacts.file_hash(folder / "cat/2.jpg")}))
    with pytest.raises(ValueError, match="nowhere: no folder of images"):
        chosen(tmp_path / "nowhere", 1)


def test_the_step_keeps_out_exemplars_and_writes_all_parts(laion: Path, tmp_path: Path, monkeypatch):
    theirs = hashlib.sha256(encoded(picture(104))).hexdigest()
    origin = {"source": ["imagenet/train/x.JPEG", "https://x.org/2/5"], "sha256": ["-", theirs]}
    images = [encoded(picture(3).resize((150, 130))), encoded(picture(99))]
    exemplars = pd.DataFrame({**origin, "split": "test", "image": images})
    artifacts.write_table(tmp_path / "exemplars.parquet", exemplars, {})
    settings = {"study": "x", "seed": 0, "source": "distractors", "count": 15, "version": 1}
    flags = ["--source", laion, "--exemplars", tmp_path / "exemplars.parquet", "--output", tmp_path / "x.parquet"]
    monkeypatch.setattr("sys.argv", ["step", *map(str, flags), "--settings", json.dumps(settings)])
    monkeypatch.setattr("workflow_scripts.exemplar_sources._photographs.PART", 5)
    cli.run(select_distractors.main)
    table = artifacts.read_table(tmp_path / "x.parquet")
    assert len(table) == 15 == table.id.nunique()
    assert not {"00000/000000003", "00001/000010004", "00002/000020005"} & set(table.id)
    assert list(artifacts.read_provenance(tmp_path / "x.parquet")["inputs"]) == [str(tmp_path / "exemplars.parquet")]
