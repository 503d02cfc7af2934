"""Stable Diffusion 1.4 as far as it can be had without its weights: its own configuration, and a small likeness of it.

tests/assets/sd14/ holds the configuration files of CompVis/stable-diffusion-v1-4.
"""

import json
import shutil
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets/sd14"
BOS, EOS = "<|startoftext|>", "<|endoftext|>"
RARE = "ktn"  # one token of the real vocabulary, too
WORDS = (RARE, "a", "picture", "of", "cat", "dog", "art", "in", "the", "style", "photo", "painting", "far", "away")
# What the likeness has instead: a width of 32, pictures of 64 pixels on 8 x 8 latents.
SMALL = {
    "unet": {
        "block_out_channels": [32, 64, 128, 128],
        "cross_attention_dim": 32,
        "norm_num_groups": 8,
        "sample_size": 8,
    },
    "vae": {"block_out_channels": [8, 16, 16, 16], "norm_num_groups": 4, "layers_per_block": 1, "sample_size": 64},
    "text_encoder": {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2},
}


def settings(part: str) -> dict[str, Any]:
    """The configuration of a part of SD 1.4, such as `unet`."""
    return json.loads((ASSETS / part / "config.json").read_text())


def write_pipeline(folder: Path, seed: int = 0) -> Path:
    """Writes a random StableDiffusionPipeline of the layout and kind of SD 1.4, but small; returns its folder."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    for part in ("scheduler", "tokenizer", "feature_extractor"):
        shutil.copytree(ASSETS / part, folder / part)
    shutil.copy(ASSETS / "model_index.json", folder)
    small = {part: {**settings(part), **changes} for part, changes in SMALL.items()}
    small["text_encoder"]["vocab_size"] = _write_vocabulary(folder / "tokenizer")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        CLIPTextModel(CLIPTextConfig(**small["text_encoder"])).save_pretrained(folder / "text_encoder")
        UNet2DConditionModel.from_config(small["unet"]).save_pretrained(folder / "unet")
        AutoencoderKL.from_config(small["vae"]).save_pretrained(folder / "vae")
    return folder


def _write_vocabulary(folder: Path) -> int:
    """Writes vocab.json and merges.txt as CLIP's tokenizer has them: bytes, those that end words, merges."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    tokens, merges = [*letters, *(f"{letter}</w>" for letter in letters)], []
    for word in WORDS:
        symbols = [*word[:-1], f"{word[-1]}</w>"]
        for i in range(1, len(symbols)):
            pair = "".join(symbols[:i]), symbols[i]
            if pair not in merges:
                merges.append(pair)
                tokens.append("".join(pair))
    tokens += [BOS, EOS]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, merges)]) + "\n")
    return len(tokens)
