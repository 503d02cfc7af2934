"""Photographs as cameras, phones and browsers save them: what is read, how it is stored, what is said of the rest."""

import io
import logging
import os
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.unit.pictures import encoded, picture, write
from tests.unit.spoilt import animated, png
from tests.unit.test_distractors import write_tar
from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import Exemplars, distractors, image_folder, imagenet, style_groups
from workflow_scripts.exemplar_sources._photographs import Photograph, Photographs
from workflow_scripts.exemplar_sources._twins import Mark, find_twins
from workflow_scripts.study.study import Case

WIDTH, HEIGHT = 96, 64
RGB = picture(3, (WIDTH, HEIGHT))
GREY, CMYK, PALETTE = RGB.convert("L"), RGB.convert("CMYK"), RGB.quantize(128)
DEEP = Image.fromarray((np.asarray(GREY).astype(np.uint16) << 8) + 17)
CLEAR = Image.new("RGBA", RGB.size, (0, 0, 0, 0))
PREVIEW = RGB.resize((24, 16))


def turned(kind: str, orientation: int = 6, **options: object) -> bytes:
    """The picture as a phone saves it that is held upright: its pixels lie on their side, EXIF says so."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(RGB.transpose(Image.Transpose.ROTATE_90), kind, exif=exif, **options)


def pages(second: Image.Image, **tags: object) -> bytes:
    """A TIFF of two pages; `tags` of the second, by number."""
    second = second.copy()  # Pillow keeps how an image was encoded before
    second.encoderinfo = {"tiffinfo": {int(tag.removeprefix("tag")): value for tag, value in tags.items()}}
    return encoded(RGB.copy(), "TIFF", save_all=True, append_images=[second])


def deep_rgb() -> bytes:
    rows = (np.asarray(RGB).astype(np.uint16) << 8).astype(">u2").tobytes()
    lines = (b"\0" + rows[i : i + 6 * WIDTH] for i in range(0, len(rows), 6 * WIDTH))
    return png(WIDTH, HEIGHT, 16, 2, b"".join(lines))


MPO = {"save_all": True, "append_images": [PREVIEW]}
# By what it is: its file, what it shows, and what is said of it; nothing if it keeps its bytes.
READ: dict[str, tuple[str, bytes, Image.Image, str]] = {
    "JPEG": ("a.jpg", encoded(RGB), RGB, ""),
    "JPEG of a browser": ("a.jfif", encoded(RGB), RGB, ""),
    "JPEG named in capitals": ("A.JPEG", encoded(RGB), RGB, ""),
    "JPEG called HEIC": ("a.HEIC", encoded(RGB), RGB, ""),
    "grey JPEG": ("a.jpg", encoded(GREY), GREY, ""),
    "CMYK JPEG": ("a.jpg", encoded(CMYK), RGB, "1 CMYK"),
    "JPEG on its side": ("a.jpg", turned("JPEG"), RGB, "1 turned"),
    "JPEG with a second picture": ("a.jpg", encoded(RGB, "MPO", **MPO), RGB, ""),
    "MPO on its side": ("a.mpo", turned("MPO", **MPO), RGB, "1 turned"),
    "PNG": ("a.png", encoded(RGB, "PNG"), RGB, ""),
    "PNG on its side": ("a.png", turned("PNG"), RGB, "1 turned"),
    "transparent PNG": ("a.png", encoded(CLEAR, "PNG"), Image.new("RGB", RGB.size, "white"), ""),
    "PNG with a transparent colour": (
        "a.png", encoded(Image.new("RGB", RGB.size), "PNG", transparency=(0, 0, 0)),
        Image.new("RGB", RGB.size, "white"), "1 transparent colour",
    ),
    "PNG with a palette": ("a.png", encoded(PALETTE, "PNG"), PALETTE, "1 palette"),
    "PNG of 1 bit": ("a.png", encoded(RGB.convert("1"), "PNG"), RGB.convert("1"), "1 1 bit"),
    "grey PNG of 16 bits": ("a.png", encoded(DEEP, "PNG"), GREY, "1 16 bits"),
    "PNG of 16 bits": ("a.png", deep_rgb(), RGB, "1 16 bits"),
    "GIF": ("a.gif", encoded(PALETTE, "GIF"), PALETTE, "1 GIF, 1 palette"),
    "WebP": ("a.webp", encoded(RGB, "WEBP"), RGB, ""),
    "WebP on its side": ("a.webp", turned("WEBP"), RGB, "1 turned"),
    "AVIF": ("a.avif", encoded(RGB, "AVIF"), RGB, "1 AVIF"),
    "AVIF on its side": ("a.avif", turned("AVIF"), RGB, "1 AVIF, 1 turned"),
    "TIFF": ("a.tif", encoded(RGB, "TIFF"), RGB, ""),
    "TIFF on its side": ("a.tiff", turned("TIFF"), RGB, ""),  # which Pillow turns itself
    "TIFF of CMYK": ("a.tif", encoded(CMYK, "TIFF", compression="tiff_lzw"), RGB, "1 CMYK"),
    "TIFF of 16 bits": ("a.tif", encoded(DEEP, "TIFF"), GREY, "1 16 bits"),
    "TIFF of YCbCr": ("a.tif", encoded(RGB.convert("YCbCr"), "TIFF"), RGB, "1 YCbCr"),
    "TIFF with a preview": ("a.tif", pages(PREVIEW, tag254=1), RGB, ""),
    "BMP": ("a.bmp", encoded(RGB, "BMP"), RGB, ""),
    "JPEG 2000": ("a.jp2", encoded(RGB, "JPEG2000"), RGB, "1 JPEG2000"),
}  # fmt: skip


def from_group(source: Path) -> pd.DataFrame:
    case = Case("x", "style", "style_groups", {"test": {"a": "art"}}, {"test": 1})
    return pd.concat(style_groups.select(source, case, 0))


def from_class(source: Path) -> pd.DataFrame:
    case = Case("x", "object", "image_folder", {"test": {"a": "thing"}}, {"test": 1})
    return pd.concat(image_folder.select(source, case, 0))


def from_folders(source: Path) -> pd.DataFrame:
    return pd.concat(image_folder.distract(source, Exemplars(), 1, 0))


def from_tars(source: Path) -> pd.DataFrame:
    return pd.concat(distractors.distract(source, Exemplars(), 1, 0))


ROUTES: dict[str, tuple[Callable[[Path], pd.DataFrame], Callable[[Path, str, bytes], object]]] = {
    "a group of a style": (from_group, lambda source, name, data: write(source / "a" / name, data)),
    "a class of objects": (from_class, lambda source, name, data: write(source / "a" / name, data)),
    "nested folders": (from_folders, lambda source, name, data: write(source / "a/b/c" / name, data)),
    "a tar": (from_tars, lambda source, name, data: write_tar(source / "0.tar", {name: data})),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", READ)
def test_every_still_image_is_learned_as_a_viewer_shows_it(
    kind: str, route: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    name, data, shows, says = READ[kind]
    choose, put = ROUTES[route]
    put(tmp_path / "data", name, data)
    with caplog.at_level(logging.WARNING):
        row = choose(tmp_path / "data").iloc[0]
    pixels = artifacts.decode_image(row.image, "x").astype(int)
    assert np.abs(pixels - np.asarray(shows.convert("RGB"), int)).mean() < 8  # what lossy formats lose
    assert (row.image == data) == (says == "")
    assert [text.partition(": images were converted: ")[2] for text in caplog.messages] == ([says] if says else [])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(96, 64), (1600, 1200)])
def test_photographs_are_turned_as_their_exif_says(orientation: int, size: tuple[int, int]):
    upright = picture(1, size)
    back = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(upright if back is None else upright.transpose(back), exif=exif, quality=95)
    stored = Image.fromarray(artifacts.decode_image(Photograph.open(data, "x").to_store(), "x"))
    assert np.abs(np.asarray(stored, int) - np.asarray(upright.resize(stored.size), int)).mean() < 4


def test_damaged_exif_leaves_an_image_as_it_lies():
    data = turned("JPEG").replace(b"Exif\0\0II*\0", b"Exif\0\0II*\xff").replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\xff*")
    image, changes = artifacts.open_photograph(data, "x")
    assert (image.size, changes) == ((HEIGHT, WIDTH), [])


def test_an_odd_value_of_another_tag_does_not_keep_an_image_from_being_turned():
    """Pillow would write the unit of resolution in 16 bits, where this file has 32."""
    tags = struct.pack("<HHIIHHII", 0x0112, 3, 1, 6, 0x0128, 4, 1, 2**32 - 1)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + tags + bytes(4)
    image, changes = artifacts.open_photograph(encoded(RGB.transpose(Image.Transpose.ROTATE_90), exif=exif), "x")
    assert (image.size, changes) == (RGB.size, ["turned"])


def test_what_pillow_raises_on_damaged_bytes_is_one_error_that_names_the_image():
    """Its decoders raise RuntimeError, TypeError, struct.error and others."""
    random = np.random.default_rng(0)
    for _, data, _, _ in READ.values():
        for _ in range(60):
            damaged = bytearray(data[: random.integers(1, len(data))] if random.random() < 0.3 else data)
            for place in random.integers(0, min(len(damaged), 400), 6):
                damaged[place] = random.integers(256)
            for read in (artifacts.open_photograph, artifacts.open_image):
                try:
                    read(bytes(damaged), "this one")
                except artifacts.ImageError as error:
                    assert str(error).startswith("this one: ") and error.reason


# By what it is: its file, and how it is counted.
PASSED_OVER = {
    "animated GIF": ("b.gif", animated("GIF"), ".gif (several frames)"),
    "animated PNG": ("b.png", animated("PNG"), ".png (several frames)"),
    "animated WebP": ("b.webp", animated("WEBP"), ".webp (several frames)"),
    "TIFF of pages": ("b.tiff", pages(RGB), ".tiff (several frames)"),
    "raw file": ("b.NEF", b"raw", ".nef (no image)"),
    "no extension": ("b", encoded(RGB), "without extension (no image)"),
    "caption without image": ("b.txt", b"a caption", ".txt (no image)"),
    "text": ("b.jpg", b"a text", ".jpg (unreadable)"),
    "placeholder": ("b.png", encoded(RGB.resize((1, 1)), "PNG"), ".png (too small)"),
    "HEIC": ("b.heic", b"\0\0\0\x18ftypheic" + bytes(99), ".heic (needs pillow-heif)"),
}  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", PASSED_OVER)
def test_what_is_passed_over_is_counted_by_extension_and_reason(kind: str, route: str, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    name, data, says = PASSED_OVER[kind]
    choose, put = ROUTES[route]
    put(tmp_path / "data", name, data)
    with pytest.raises(ValueError, match=re.escape(f"; skipped: 1 {says}")):
        choose(tmp_path / "data")


def test_heic_is_read_where_there_is_a_reader(tmp_path: Path):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    write(tmp_path / "a/a.heic", encoded(RGB, "HEIF"))
    row = from_group(tmp_path).iloc[0]
    assert Image.open(io.BytesIO(row.image)).format == "PNG"


def test_the_tars_of_imagenet_are_named_where_folders_are_missing(tmp_path: Path):
    for name in ("n01440764", "n01484850"):
        write(tmp_path / f"imagenet/train/{name}.tar", b"tar")
    case = Case("x", "object", "imagenet", {"test": {"n01440764": "fish"}}, {"train": 0, "val": 0, "test": 1})
    says = "class 'n01440764' of x needs 1 images, it has 0; skipped: 2 .tar (no image)"
    with pytest.raises(ValueError, match=re.escape(says)):
        list(imagenet.select(tmp_path / "imagenet", case, 0))


def test_linked_folders_are_followed_and_dangling_links_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for k in range(3):
        write(tmp_path / f"real/sub/{k}.jpg", picture(k))
    source = tmp_path / "source"
    source.mkdir()
    (source / "part1").symlink_to(tmp_path / "real")
    (source / "part2").symlink_to(tmp_path / "real")  # the same folder once more
    (tmp_path / "real/sub/loop").symlink_to(source)
    (source / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    with caplog.at_level(logging.INFO):
        table = pd.concat(image_folder.distract(source, Exemplars(), 3, 0))
    assert sorted(table.id) == [f"part1/sub/{k}.jpg" for k in range(3)]
    assert caplog.messages == [f"{source}: 3 images, skipped: 1 .jpg (dangling link)"]
    with pytest.raises(ValueError, match=r"folder has 3 images; skipped: 1 \.jpg \(dangling link\)$"):
        list(image_folder.distract(source, Exemplars(), 4, 0))
    case = Case("x", "style", "style_groups", {"test": {"sub": "art"}}, {"test": 1})
    assert len(pd.concat(style_groups.select(source / "part1", case, 0))) == 3


def test_names_in_other_encodings_are_spelled_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    write(tmp_path / "data/a.jpg", picture(0))
    write(tmp_path / "data/b.jpg", picture(1)).rename(tmp_path / "data/caf\udce9.jpg")
    table = pd.concat(image_folder.distract(tmp_path / "data", Exemplars(), 2, 0))
    artifacts.write_table(tmp_path / "x.parquet", table, {})
    assert set(artifacts.read_table(tmp_path / "x.parquet").source) == {"data/a.jpg", r"data/caf\xe9.jpg"}
    assert "names of 1 images are no UTF-8, and stand in tables as in: " in caplog.messages[-1]
    assert caplog.messages[-1].endswith(r"data/caf\xe9.jpg")
    write_tar(tmp_path / "tars/0.tar", {"caf\udce9.jpg": encoded(picture(1))})
    assert list(pd.concat(distractors.distract(tmp_path / "tars", Exemplars(), 1, 0)).id) == [r"0/caf\xe9"]


def test_captions_are_found_in_any_order_and_encoding(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    images = {f"{k}.jpg": encoded(picture(k)) for k in range(4)}
    latin = {"1.txt": "café".encode("latin-1"), "2.json": '{"caption": "Müller"}'.encode("latin-1")}
    odd = {"3.json": b'{"caption": "half \\ud83d"}', "0.txt": b"\xef\xbb\xbfa mark"}
    write_tar(tmp_path / "0.tar", images, latin, odd)
    table = pd.concat(distractors.distract(tmp_path, Exemplars(), 4, 0)).set_index("id")
    assert table.caption.to_dict() == {"0/0": "a mark", "0/1": "café", "0/2": "Müller", "0/3": "half ?"}
    artifacts.write_table(tmp_path / "x.parquet", table.reset_index(), {})
    assert caplog.messages[-1] == f"{tmp_path}: 2 texts are not in UTF-8, and were read as Latin-1"


def copies(image: Image.Image) -> dict[str, bytes]:
    width, height = image.size
    return {
        "the same file": encoded(image),
        "another format": encoded(image, "PNG"),
        "poor quality": encoded(image, quality=30),
        "another size": encoded(image.resize((width // 2, height // 2))),
        "brighter": encoded(Image.eval(image, lambda level: min(255, round(1.04 * level)))),
    }


@pytest.mark.parametrize("copy", copies(RGB))
def test_a_copy_is_no_second_exemplar_and_no_distractor(copy: str, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    first = write(tmp_path / "things/mug/0.jpg", encoded(picture(0)))
    for k in (1, 2):
        write(tmp_path / f"things/mug/{k}.jpg", picture(k))
    copied = write(tmp_path / "things/mug/0_copy.jpg", copies(picture(0))[copy])
    members = {"train": {"mug": "mug"}, "test": {"mug": "mug"}}
    case = Case("things", "object", "image_folder", members, {"train": 1, "test": 2})
    table = pd.concat(image_folder.select(tmp_path / "things", case, 0))
    assert list(table.source) == [f"things/mug/{k}.jpg" for k in range(3)]
    assert table.seen_twin.isna().all() and table.new_artist.isna().all()
    assert f"skipped: {copied}: the same picture as {first}" in caplog.messages
    artifacts.write_table(tmp_path / "things.parquet", table, {})
    exemplars = Exemplars.read([tmp_path / "things.parquet"])
    same = copy == "the same file"
    skipped = "4 .jpg (an exemplar)" if same else "3 .jpg (an exemplar), 1 .jpg (like an exemplar)"
    with pytest.raises(ValueError, match=re.escape(f"skipped: {skipped}")):
        list(image_folder.distract(copied.parent, exemplars, 4, 0))


def test_twins_in_styles_are_listed_and_those_of_train_are_seen(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for name, pictures in {"anna": [0, 1], "bert": [2, 0], "carl": [3, 4], "dora": [4, 5]}.items():
        for k, number in enumerate(pictures):
            write(tmp_path / f"styles/{name}/{k}.jpg", encoded(picture(number), quality=60 + 5 * k))
    groups = {"train": {"anna": "art"}, "test": {"bert": "art", "carl": "art", "dora": "art"}}
    case = Case("x", "style", "style_groups", groups, {"train": 1, "test": 1})
    table = pd.concat(style_groups.select(tmp_path / "styles", case, 0)).set_index("source")
    assert {name: list(twins) for name, twins in table.twins.items() if len(twins)} == {
        "styles/anna/0.jpg": ["styles/bert/1.jpg"], "styles/bert/1.jpg": ["styles/anna/0.jpg"],
        "styles/carl/1.jpg": ["styles/dora/0.jpg"], "styles/dora/0.jpg": ["styles/carl/1.jpg"],
    }  # fmt: skip
    assert list(table.index[table.seen_twin.eq(True)]) == ["styles/bert/1.jpg"]
    assert table.seen_twin.isna().sum() == 7  # what the base model has seen is not known
    assert "4 exemplars are identical or nearly identical to others: styles/anna/0.jpg" in caplog.messages[-1]


def test_twins_in_two_cases_are_named_if_a_head_learns_on_one(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    for case, split in {"a": "train", "b": "test", "c": "test"}.items():
        rows = {"split": split, "source": [f"{case}/0.jpg", f"{case}/1.jpg"], "sha256": [case, f"{case}1"]}
        images = [encoded(picture(0), quality=50 + ord(case) // 3), encoded(picture(ord(case)))]
        artifacts.write_table(tmp_path / f"{case}.parquet", pd.DataFrame({**rows, "image": images}), {})
    write(tmp_path / "data/0.jpg", picture(1))
    exemplars = Exemplars.read([tmp_path / f"{case}.parquet" for case in "abc"])
    list(image_folder.distract(tmp_path / "data", exemplars, 1, 0))
    (message,) = caplog.messages
    assert message.startswith("2 pairs of exemplars of train and of val or test, in two cases, are nearly identical: ")
    assert message.endswith("b/0.jpg of b and a/0.jpg of a; c/0.jpg of c and a/0.jpg of a")


def test_images_that_can_be_used_are_counted_as_they_are_chosen(tmp_path: Path):
    for name, numbers in {"cup": [0, 1, 1], "mug": [0, 2]}.items():
        for k, number in enumerate(numbers):
            write(tmp_path / f"{name}/{k}.jpg", picture(number))
    write(tmp_path / "mug/9.jpg", b"no image")
    counts = {"object": {"cup": 2, "mug": 1}, "style": {"cup": 3, "mug": 2}}
    for kind, count in counts.items():
        assert {name: len(marks) for name, marks in image_folder.usable(tmp_path, kind).items()} == count
    assert [image_folder.count_below(tmp_path, [], most) for most in (2, 9)] == [2, 3]


@pytest.mark.parametrize("copy", copies(RGB))
def test_as_many_distractors_are_counted_as_can_be_chosen(copy: str, tmp_path: Path):
    for k in range(3):
        write(tmp_path / f"things/mug/{k}.jpg", picture(k))
        write(tmp_path / f"others/{k}.jpg", picture(10 + k))
    write(tmp_path / "others/a.jpg", copies(picture(0))[copy])
    case = Case("things", "object", "image_folder", {"test": {"mug": "mug"}}, {"test": 3})
    artifacts.write_table(tmp_path / "things.parquet", image_folder.select(tmp_path / "things", case, 0), {})
    marks = image_folder.usable(tmp_path / "things", "object")["mug"]
    assert image_folder.count_below(tmp_path / "others", marks, 9) == 3
    exemplars = Exemplars.read([tmp_path / "things.parquet"])
    assert len(pd.concat(image_folder.distract(tmp_path / "others", exemplars, 3, 0))) == 3
    with pytest.raises(ValueError, match=r"things: no usable image; skipped: 3 \.jpg \(like an exemplar\)$"):
        image_folder.count_below(tmp_path / "things", marks, 9)


def test_twins_across_classes_are_passed_over_class_by_class(tmp_path: Path):
    """An early image of the second class is a twin of a late one of the first: the first class keeps it."""
    for name, numbers in {"a": range(12), "b": [10, *range(20, 32)]}.items():
        for k, number in enumerate(numbers):
            write(tmp_path / f"{name}/{k:02}.jpg", picture(number))
    assert {name: len(marks) for name, marks in image_folder.usable(tmp_path, "object").items()} == {"a": 12, "b": 12}
    counts = {"train": 8, "val": 2, "test": 2}
    case = Case("x", "object", "image_folder", {split: {"a": "a", "b": "b"} for split in counts}, counts)
    table = pd.concat(image_folder.select(tmp_path, case, 0))
    numbers = {name: [Path(source).stem for source in rows] for name, rows in table.groupby("class").source}
    assert numbers == {"a": [f"{k:02}" for k in range(12)], "b": [f"{k:02}" for k in range(1, 13)]}


def test_plain_and_similar_pictures_are_no_twins():
    plain = [Image.new("RGB", (64, 64), (30 * k, 0, 0)) for k in range(6)]
    thin = [Image.new("RGB", (64, 64), "white") for _ in range(2)]
    thin[0].paste("black", (8, 8, 12, 56))
    thin[1].paste("black", (8, 8, 56, 12))
    images = [*plain, *thin, *(picture(k) for k in range(20))]
    assert not find_twins((str(i), Mark.of(image)) for i, image in enumerate(images))


def test_two_folders_of_one_name_are_kept_apart(tmp_path: Path):
    """A distractor is no exemplar only because its file has the name of one in another folder."""
    write(tmp_path / "a/images/mug/0.jpg", picture(0))
    write(tmp_path / "b/images/mug/0.jpg", picture(1))
    case = Case("x", "object", "image_folder", {"test": {"mug": "mug"}}, {"test": 1})
    artifacts.write_table(tmp_path / "x.parquet", image_folder.select(tmp_path / "a/images", case, 0), {})
    exemplars = Exemplars.read([tmp_path / "x.parquet"])
    assert exemplars.sources == {"images/mug/0.jpg"}
    assert len(pd.concat(image_folder.distract(tmp_path / "b/images", exemplars, 1, 0))) == 1


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch):
    write(tmp_path / "data/a/0.jpg", picture(0))

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ValueError, match=r"data: cannot be read \(Permission denied\)"):
        list(Photographs(tmp_path / "data").below())
