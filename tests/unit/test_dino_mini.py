"""The small DINO: its loss by hand, training that resumes, and a folder that timm and our encoder read."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file

from workflow_scripts import artifacts
from workflow_scripts.encoders import dino_mini
from workflow_scripts.miniature.corpus import rendering
from workflow_scripts.miniature.pretraining import distillation
from workflow_scripts.steps import train_dino_mini

SETTINGS = {
    "seed": 0,
    "pictures": 8,
    "architecture": "vit_tiny_patch16_224",
    "patch": 16,
    "depth": 1,
    "prototypes": 8,
    "local_views": 1,
    "batch": 4,
    "steps": 4,
    "learning_rate": 1e-3,
    "warmup": 1,
    "weight_decay": 0.05,
    "average": 0.9,
    "checkpoint_every": 2,
}


def test_the_loss_by_hand():
    """One picture, two large views and a small one, two prototypes; the teacher is sure of the first view."""
    temperature = distillation.STUDENT_TEMPERATURE
    cosines = torch.tensor([[0.0, 0.0], [np.log(3) * temperature, 0.0], [0.0, np.log(3) * temperature]])
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    # Views say (1/2, 1/2), (3/4, 1/4) and (1/4, 3/4); each is asked about the other large views.
    by_first = [-np.log(3 / 4), -np.log(1 / 4)]
    by_second = [np.log(2), -(np.log(1 / 4) + np.log(3 / 4)) / 2]
    expected = np.mean([*by_first, *by_second])
    assert distillation.distillation_loss(cosines, targets, 1).item() == pytest.approx(expected)


def test_assignments_use_every_prototype():
    """Nine views prefer the first of three prototypes: balancing gives the others their share nevertheless."""
    cosines = torch.rand(9, 3, generator=torch.Generator().manual_seed(0)) * 0.2
    cosines[:, 0] += 0.1
    assigned = distillation.balanced(cosines)
    assert assigned.sum(1).tolist() == pytest.approx([1] * 9)
    assert assigned.mean(0).min() > 0.2
    assert (cosines / distillation.TEACHER_TEMPERATURE).softmax(1).mean(0).min() < 0.15


def test_views_derive_from_the_generator():
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    views = distillation.Views(local=3)
    first, again, other = (views(images, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert first[0].shape == (4, 3, 64, 64) and first[1].shape == (6, 3, 32, 32)
    assert torch.equal(first[0], again[0]) and not torch.equal(first[0], other[0])


@pytest.fixture
def corpus(tmp_path):
    """Two drawings that may be trained on, and an exemplar that may not: it cannot even be decoded."""
    drawing = rendering.encode(Image.new("RGBA", (rendering.SIZE, rendering.SIZE), (200, 40, 40, 255)))
    common = {"family": "noto", "style_group": "noto-animal"}
    rows = [
        common | {"id": "noto-1", "concept": "cat", "label": "cat", "role": "pretrain", "image": drawing},
        common | {"id": "noto-2", "concept": "dog", "label": "dog", "role": "other", "image": drawing},
        common | {"id": "noto-3", "concept": "cow", "label": "cow", "role": "object", "image": b"never read"},
    ]
    artifacts.write_table(tmp_path / "drawings.parquet", pd.DataFrame(rows), {})
    return tmp_path


def run(corpus, monkeypatch, name: str, **changes):
    flags = ["--drawings", corpus / "drawings.parquet", "--output", corpus / name]
    monkeypatch.setattr(sys, "argv", ["x", *map(str, flags), "--settings", json.dumps(SETTINGS | changes)])
    train_dino_mini.main()
    return corpus / name


def test_a_trained_folder_is_read_by_timm_and_by_the_encoder(corpus, monkeypatch):
    folder = run(corpus, monkeypatch, "dino")
    network = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    encoder = dino_mini.load(dino_mini.Settings(path=str(folder), precision="fp32"))
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    inputs = encoder.preprocess(image)
    with torch.no_grad():
        assert torch.allclose(encoder(inputs), network(inputs), atol=1e-5)
    assert encoder(inputs).shape == (1, encoder.dim) == (1, 192)


def test_an_interrupted_training_goes_on_to_the_same_weights(corpus, monkeypatch):
    whole = run(corpus, monkeypatch, "whole")
    update = train_dino_mini.Trainer._update

    def interrupted(trainer, loss):
        if trainer.step == 3:
            raise KeyboardInterrupt
        return update(trainer, loss)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train_dino_mini.Trainer, "_update", interrupted)
        run(corpus, monkeypatch, "parts")
    parts = run(corpus, monkeypatch, "parts")
    first, second = (load_file(folder / dino_mini.WEIGHTS) for folder in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not list(corpus.glob("*.checkpoint.safetensors"))
