"""The small CLIP: its loss by hand, training that resumes, and a folder that open_clip and our encoder read."""

import json
import sys

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from tests.conftest import save_tokenizer
from workflow_scripts import artifacts
from workflow_scripts.encoders import clip_mini
from workflow_scripts.miniature.corpus import rendering
from workflow_scripts.miniature.pretraining import contrastive
from workflow_scripts.steps import train_clip_mini

SETTINGS = {
    "seed": 0,
    "pictures": 8,
    "image_tower": "test_convnext",
    "embed_dim": 16,
    "text_width": 32,
    "text_layers": 1,
    "batch": 4,
    "steps": 4,
    "learning_rate": 1e-3,
    "warmup": 1,
    "weight_decay": 0.05,
    "average": 0.9,
    "checkpoint_every": 2,
}


def test_the_loss_by_hand():
    pictures, captions = torch.tensor([[2.0, 0.0], [0.0, 3.0]]), torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    # logits with scale 2: [[1.2, 0], [1.6, 2]]
    by_picture = [np.log(1 + np.exp(-1.2)), np.log(1 + np.exp(-0.4))]
    by_caption = [np.log(1 + np.exp(0.4)), np.log(1 + np.exp(-2.0))]
    expected = (sum(by_picture) + sum(by_caption)) / 4
    assert contrastive.clip_loss(pictures, captions, torch.tensor(2.0).log()).item() == pytest.approx(expected)


def test_captions_lose_the_words_of_single_drawings(tmp_path):
    save_tokenizer(tmp_path / "tokenizer", 16)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")
    plain = contrastive.tokenize(tokenizer, ["a picture of a cat in the style of art"])
    words = contrastive.tokenize(tokenizer, ["a picture of a <noto-1f408> cat in the style of <art-noto-x> art"])
    assert plain.shape == (1, 16) and torch.equal(plain, words)


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
    save_tokenizer(tmp_path / "tokenizer", 24)
    return tmp_path


def run(corpus, monkeypatch, name: str, **changes):
    flags = ["--drawings", corpus / "drawings.parquet", "--tokenizer", corpus / "tokenizer", "--output", corpus / name]
    monkeypatch.setattr(sys, "argv", ["x", *map(str, flags), "--settings", json.dumps(SETTINGS | changes)])
    train_clip_mini.main()
    return corpus / name


def test_a_trained_folder_is_read_by_open_clip_and_by_the_encoder(corpus, monkeypatch):
    folder = run(corpus, monkeypatch, "clip")
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}", require_pretrained=True)
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a picture of a cat"])
    assert tokens.shape == (1, 24) and model.eval().encode_text(tokens).shape == (1, 16)

    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    encoder = clip_mini.load(clip_mini.Settings(path=str(folder), precision="fp32"))
    inputs = encoder.preprocess(image[None])
    assert torch.allclose(inputs[0], preprocess(Image.fromarray(image)), atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(encoder(inputs), model.encode_image(inputs), atol=1e-5)
    assert encoder(inputs).shape == (1, encoder.dim) == (1, 16)
    assert artifacts.read_provenance(folder / clip_mini.WEIGHTS)["settings"]["image_tower"] == "test_convnext"


def test_an_interrupted_training_goes_on_to_the_same_weights(corpus, monkeypatch):
    whole = run(corpus, monkeypatch, "whole")
    update = train_clip_mini.Trainer._update

    def interrupted(trainer, loss):
        if trainer.step == 3:
            raise KeyboardInterrupt
        return update(trainer, loss)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train_clip_mini.Trainer, "_update", interrupted)
        run(corpus, monkeypatch, "parts")
    assert not (corpus / "parts").exists()
    parts = run(corpus, monkeypatch, "parts")
    first, second = (load_file(folder / clip_mini.WEIGHTS) for folder in (whole, parts))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not list(corpus.glob("*.checkpoint.safetensors"))


def test_a_folder_without_weights_is_named(corpus, monkeypatch):
    folder = run(corpus, monkeypatch, "clip", steps=1)
    (folder / clip_mini.WEIGHTS).unlink()
    with pytest.raises(ValueError, match=r"lacks open_clip_model\.safetensors; make it with `snakemake clip_mini`"):
        clip_mini.load(clip_mini.Settings(path=str(folder), precision="fp32"))
