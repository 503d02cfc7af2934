"""Near-duplicates by embedding: the same drawing recoloured is a twin, another drawing is not."""

import json
import sys

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from workflow_scripts import artifacts
from workflow_scripts.miniature.corpus import twins
from workflow_scripts.miniature.corpus.rendering import encode
from workflow_scripts.steps import find_twins


def test_pairs_by_hand():
    names = np.array(["a", "b", "c"], object)
    features = np.array([[1, 0], [0.96, 0.28], [0, 1]], np.float32)
    pairs = twins.find_pairs(names, features, 0.9)
    assert pairs[["a", "b"]].to_numpy().tolist() == [["a", "b"]]
    assert round(float(pairs["cosine"][0]), 2) == 0.96


def drawing(shape: str, colour: tuple[int, int, int]) -> bytes:
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    if shape == "face":
        pen.ellipse((4, 4, 60, 60), fill=(*colour, 255))
        pen.ellipse((18, 20, 26, 30), fill=(40, 20, 0, 255))
        pen.ellipse((38, 20, 46, 30), fill=(40, 20, 0, 255))
    else:
        for x in range(4, 60, 8):
            pen.line((x, 4, 60 - x // 2, 60), fill=(*colour, 255), width=2)
    return encode(image)


def test_the_step_finds_a_recoloured_drawing(tmp_path, monkeypatch):
    images = {"a": ("face", (250, 200, 40)), "b": ("face", (250, 205, 60)), "c": ("lines", (20, 40, 200))}
    origin = {"family": "noto", "label": "thing", "licence": "MIT", "author": "A. Artist"}
    rows = [{"id": name, "image": drawing(*image), **origin} for name, image in images.items()]
    artifacts.write_table(tmp_path / "drawings.parquet", pd.DataFrame(rows), {})
    flags = ["--drawings", str(tmp_path / "drawings.parquet"), "--output", str(tmp_path / "twins.parquet")]
    monkeypatch.setattr(sys, "argv", ["x", *flags, "--settings", json.dumps({"cosine": 0.9, "seed": 0})])
    find_twins.main()
    pairs = artifacts.read_table(tmp_path / "twins.parquet")
    assert pairs[["a", "b"]].to_numpy().tolist() == [["a", "b"]]
