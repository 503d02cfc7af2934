"""Images of class words, made by the base model itself, for the prior preservation of fine-tuning.

Writes one safetensors file: per class word a tensor `{class_word}.latents` [n, c, h, w], scaled as the network takes
them, and in the provenance the n `captions` of each class word.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.base_models import BaseModel
from workflow_scripts.sampling import denoise
from workflow_scripts.seeds import derive_seed

log = logging.getLogger("regularization")


def captions_of(word: str, settings: dict[str, Any]) -> list[str]:
    """The captions of a class word's images: the templates in turn, with `{class_word}` filled in."""
    templates = settings["captions"]
    count = settings["images_per_class_word"]
    return [templates[i % len(templates)].replace("{class_word}", word) for i in range(count)]


def make_latents(base: BaseModel, images: Sequence[tuple[str, int, str]], settings: dict[str, Any]) -> torch.Tensor:
    """Latents [n, c, h, w] of images (class word, number, caption).

    Raises:
        ValueError: an image is not finite.
    """
    seeds = [derive_seed(settings["study_seed"], "regularization", word, i) for word, i, _ in images]
    with torch.no_grad(), devices.autocast(settings["precision"], base.device):
        ids = base.tokenize([""] * len(images) + [caption for *_, caption in images])
        latents = denoise(base, base.text_encoder(ids).last_hidden_state, seeds, settings).cpu()
    for (word, i, caption), latent in zip(images, latents, strict=True):
        if not latent.isfinite().all():
            raise ValueError(f"class word {word!r}: image {i} of {caption!r} is not finite")
    return latents


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings()
    args = parser.parse_args()
    settings = args.settings

    load = plugins.load("base_models", settings["base_model"]["name"]).load
    base = load(args.base_model, devices.set_up(args.threads))
    captions = {word: captions_of(word, settings) for word in settings["class_words"]}
    images = [(word, i, caption) for word, listed in captions.items() for i, caption in enumerate(listed)]
    made = devices.in_batches(images, settings["batch"], lambda batch: make_latents(base, batch, settings))
    latents = torch.stack(list(tqdm(made, total=len(images), unit="image", disable=None)))
    tensors = {
        f"{word}.latents": part.numpy()
        for word, part in zip(captions, latents.split(settings["images_per_class_word"]), strict=True)
    }
    provenance = artifacts.make_provenance(settings, {"base_model": args.base_model})
    artifacts.write_tensors(args.output, tensors, {**provenance, "captions": captions})
    log.info("%d images of %d class words", len(images), len(captions))


if __name__ == "__main__":
    cli.run(main)
