"""A base model of a few thousand random weights, in the layout of the real ones, that runs in milliseconds."""

import json
import os
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import projects

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

# Threads that wait for each other make networks this small many times slower, above all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

WORDS = ("a", "picture", "of", "cat", "dog", "art", "in", "the", "style", "on", "red", "small")
BOS, EOS = "<|startoftext|>", "<|endoftext|>"


def save_tokenizer(folder: Path, length: int) -> int:
    """Saves a CLIP tokenizer that knows letters and WORDS; returns the size of its vocabulary."""
    from transformers import CLIPTokenizer

    vocabulary = [letter + end for letter in string.ascii_lowercase for end in ("", "</w>")]
    merges = []
    for word in WORDS:
        *head, tail = word
        symbols = [*head, f"{tail}</w>"]
        for i in range(1, len(symbols)):
            pair = "".join(symbols[:i]), symbols[i]
            if pair not in merges:
                merges.append(pair)
                vocabulary.append("".join(pair))
    ids = {token: i for i, token in enumerate(dict.fromkeys([*vocabulary, BOS, EOS]))}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(ids))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in merges)]) + "\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length)
    tokenizer.add_tokens(["<instance>", "<artist>"])
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


def save_base_model(folder: Path, prediction_type: str) -> Path:
    """Saves a random StableDiffusionPipeline of 16 x 16 pixels and 4 x 4 latents; returns its folder."""
    import torch
    from diffusers import AutoencoderKL, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    length, width = 12, 16
    words = save_tokenizer(folder / "tokenizer", length)
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer")
    text = CLIPTextConfig(
        vocab_size=words,
        hidden_size=width,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    unet = UNet2DConditionModel(
        sample_size=4,
        in_channels=6,
        out_channels=6,
        block_out_channels=(16, 32),
        layers_per_block=1,
        attention_head_dim=2,
        cross_attention_dim=width,
        norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=6,
        norm_num_groups=4,
        scaling_factor=0.5,
    )
    scheduler = DDPMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type=prediction_type,
        rescale_betas_zero_snr=prediction_type == "v_prediction",
        timestep_spacing="trailing",
        clip_sample=False,
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny base model: v-prediction, zero terminal SNR, like the miniature's."""
    return save_base_model(tmp_path_factory.mktemp("base") / "v", "v_prediction")


@pytest.fixture(scope="session")
def epsilon_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny base model: epsilon-prediction, like SD 1.4."""
    return save_base_model(tmp_path_factory.mktemp("base") / "epsilon", "epsilon")


@pytest.fixture(scope="session")
def base(base_folder: Path) -> "BaseModel":
    """The tiny base model of `base_folder`."""
    from workflow_scripts.base_models import diffusers_sd

    return diffusers_sd.load(base_folder, "cpu")


@pytest.fixture
def customization() -> dict:
    """A study's section `customization`, with small numbers."""
    return {
        "name": "custom_diffusion",
        "version": 1,
        "steps": 6,
        "views": 2,
        "prior_images": 1,
        "prior_weight": 0.5,
        "view_pool": 4,
        "learning_rate": 5e-3,
        "token_learning_rate": 2e-2,
        "betas": [0.9, 0.99],
        "weight_decay": 0.0,
        "max_grad_norm": None,
        "schedule": "cosine",
        "warmup_steps": 2,
        "initializer_token": {"object": "<instance>", "style": "<artist>"},
        "flip": 0.5,
        "looks": [
            {"weight": 1, "scale": [0.7, 1.0], "words": {"object": ["a picture of a "], "style": [""]}},
            {"weight": 1, "scale": [0.4, 0.6], "words": {"object": ["a picture of a small "], "style": [""]}},
            {"weight": 1, "scale": [1.2, 1.4], "words": {"object": ["a "], "style": [""]}},
        ],
        "models_per_batch": 4,
        "precision": "fp32",
        "compile": False,
        "compression_ratio": 1.0,
    }


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project whose smoke study has run, with stand-ins for data and steps; not to be changed."""
    project = projects.copy_project(tmp_path_factory.mktemp("finished"))
    projects.run(project)
    return project
