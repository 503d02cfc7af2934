"""Pre-training in miniature's miniature: the linear encoder is exact, training resumes exactly, words are dropped."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from transformers import CLIPTokenizer

from workflow_scripts.miniature.pretraining import autoencoder, denoiser, quality
from workflow_scripts.miniature.pretraining.linear_encoder import build_autoencoder, principal_components
from workflow_scripts.miniature.pretraining.training import Schedule, Trainer
from workflow_scripts.miniature.pretraining.vocabulary import INITIALIZERS, tokenize, train_tokenizer

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def vae() -> "denoiser.AutoencoderKL":
    return build_autoencoder((24, 48, 64, 96), 24, IMAGES, seed=0)


def test_encoder_computes_the_principal_components(vae) -> None:
    mean, components = principal_components(IMAGES, 24)
    patch = IMAGES[3, 8:16, 16:24].astype(float).reshape(-1) / 127.5 - 1
    with torch.no_grad():
        latents = vae.encode(autoencoder.to_tensor(IMAGES)).latent_dist.mode()
    assert latents.shape == (40, 24, 4, 4)
    np.testing.assert_allclose(latents[3, :, 1, 2], components @ (patch - mean), atol=1e-3)


def test_fast_encoding_equals_the_encoder(vae) -> None:
    with torch.no_grad():
        slow = vae.encode(autoencoder.to_tensor(IMAGES)).latent_dist.mode() * vae.config.scaling_factor
    torch.testing.assert_close(autoencoder.encode(vae, IMAGES), slow, atol=1e-4, rtol=0)


def test_too_many_components_for_the_channels() -> None:
    with pytest.raises(ValueError, match="96 channels carry 40 latent channels, not 48"):
        build_autoencoder((24, 48, 64, 96), 48, IMAGES, seed=0)


SCHEDULE = Schedule(steps=6, learning_rate=0.1, warmup=1, weight_decay=0.0, average=0.9, checkpoint_every=3)


def train(checkpoint: Path, stop: int | None = None) -> torch.Tensor:
    torch.manual_seed(0)
    layer = nn.Linear(4, 1)

    def loss(step: int, generator: torch.Generator) -> torch.Tensor:
        if step == stop:
            raise KeyboardInterrupt
        return layer(torch.randn(8, 4, generator=generator)).square().mean()

    Trainer({"layer": layer}, SCHEDULE, checkpoint, seed=1).run(loss)
    return layer.weight.detach().clone()


def test_training_goes_on_from_its_checkpoint_bit_by_bit(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole.safetensors")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut.safetensors", stop=4)
    assert torch.equal(train(tmp_path / "cut.safetensors"), whole)


def test_a_loss_that_is_not_a_number_stops_training(tmp_path: Path) -> None:
    layer = nn.Linear(1, 1)
    trainer = Trainer({"layer": layer}, SCHEDULE, tmp_path / "checkpoint.safetensors", seed=0)
    with pytest.raises(ValueError, match=r"loss is nan at step 0; the last checkpoint is .*checkpoint\.safetensors"):
        trainer.run(lambda step, generator: layer.weight.sum() * float("nan"))


def test_shipped_text_tower_keeps_means_of_the_new_words(tmp_path: Path) -> None:
    shipped = train_tokenizer(["a picture of a cat", "a <noto-1> cat"], size=300, length=8, folder=tmp_path)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    tokenizer.add_tokens(["<i1>", "<i2>", "<art-a>"])
    settings = {"text_width": 8, "text_layers": 1}
    text = denoiser.build_text_encoder(settings, tokenizer)
    words = {"object": tokenizer.convert_tokens_to_ids(["<i1>", "<i2>"]), "style": [len(tokenizer) - 1]}
    small = denoiser.without_new_words(text, shipped, words)
    before, after = (tower.get_input_embeddings().weight for tower in (text, small))
    assert len(after) == len(shipped) == len(tokenizer) - 3
    row = shipped.convert_tokens_to_ids(INITIALIZERS["object"])
    torch.testing.assert_close(after[row], before[words["object"]].mean(0))
    ids = tokenize(shipped, ["a picture of a cat"])
    torch.testing.assert_close(small(ids)[0], text(ids)[0])


def test_probe_names_separable_classes() -> None:
    features = np.eye(6).repeat(5, axis=0)
    labels = [name for name in "abcdef" for _ in range(5)]
    scores = quality.probe(
        features, labels, {"same": (np.eye(6), list("abcdef")), "wrong": (np.eye(6), list("bcdefa"))}
    )
    assert scores["chance"] == 1 / 6
    assert scores["same"] == {"top1": 1.0, "top5": 1.0, "n": 6}
    assert scores["wrong"]["top1"] == 0.0
