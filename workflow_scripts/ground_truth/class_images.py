"""Images of class words, made by the base model itself, for prior preservation."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from workflow_scripts import devices, plugins
from workflow_scripts.base_models import BaseModel
from workflow_scripts.customization import check_prompts
from workflow_scripts.ground_truth.denoising import denoise
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.ground_truth import RegularizationSettings


def make_latents(
    base_model: Path, captions: Mapping[str, Sequence[str]], settings: RegularizationSettings
) -> dict[str, torch.Tensor]:
    """Scaled latents fp32 [n, c, h, w] by class word, one for each of the word's n captions.

    Raises:
        ValueError: a caption is too long for the text encoder, or an image is not finite.
    """
    load = plugins.load("base_models", settings.base_model["name"]).load
    base = load(base_model, devices.set_up(), settings.precision)
    images = [(word, i, caption) for word, texts in captions.items() for i, caption in enumerate(texts)]
    check_prompts(base, [caption for *_, caption in images], "prompts of regularization")
    made = devices.in_batches(images, settings.batch, lambda batch: _make_batch(base, batch, settings))
    latents = torch.stack(list(tqdm(made, total=len(images), unit="image", disable=None)))
    return dict(zip(captions, latents.split([len(texts) for texts in captions.values()]), strict=True))


def _make_batch(
    base: BaseModel, images: Sequence[tuple[str, int, str]], settings: RegularizationSettings
) -> torch.Tensor:
    seeds = [derive_seed(settings.study_seed, "regularization", word, i) for word, i, _ in images]
    with torch.no_grad(), devices.autocast(settings.precision, base.device):
        ids = base.tokenize([""] * len(images) + [caption for *_, caption in images])
        latents = denoise(base, base.text_encoder(ids).last_hidden_state, seeds, settings).cpu()
    for (word, i, caption), latent in zip(images, latents, strict=True):
        if not latent.isfinite().all():
            raise ValueError(f"class word {word!r}: image {i}, of {caption!r}, is not finite")
    return latents
