"""From noise to images: classifier-free guidance over a batch whose rows may belong to many models and prompts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from workflow_scripts.study.settings.ground_truth import Course

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

SCHEDULERS = {"dpmsolver++": "DPMSolverMultistepScheduler", "ddim": "DDIMScheduler"}


def make_scheduler(name: str, base: "BaseModel", steps: int) -> Any:
    """A deterministic sampler with the base model's noise schedule; raises `ValueError` if the name is unknown."""
    import diffusers

    if name not in SCHEDULERS:
        raise ValueError(f"scheduler: {name!r} is unknown; valid: {', '.join(SCHEDULERS)}")
    scheduler = getattr(diffusers, SCHEDULERS[name]).from_config(base.scheduler.config)
    scheduler.set_timesteps(steps, device=base.device)
    return scheduler


@torch.no_grad()
def denoise(base: "BaseModel", states: torch.Tensor, seeds: Sequence[int], course: Course) -> torch.Tensor:
    """Makes one image per seed.

    Args:
        states: text states [2n, l, d]: of n unconditional rows, then of n prompts.
        seeds: n; the noise of an image depends on its seed only, not on its place in the batch.

    Returns:
        Scaled latents fp32 [n, c, h, w].
    """
    scheduler = make_scheduler(course.scheduler, base, course.steps)
    x = torch.stack([torch.randn(base.latent_shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    x = x.to(base.device) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        rows = scheduler.scale_model_input(torch.cat([x, x]), t)
        unconditional, conditional = base.unet(rows, t, states).sample.float().chunk(2)
        guided = unconditional + course.guidance * (conditional - unconditional)
        x = scheduler.step(guided, t, x).prev_sample
    return x


def to_images(base: "BaseModel", latents: torch.Tensor) -> list[np.ndarray | None]:
    """Decodes latents [n, c, h, w] to n images uint8 [H, W, 3]; None for an image that is not finite."""
    return [
        pixels.round().to(torch.uint8).numpy() if pixels.isfinite().all() else None for pixels in base.decode(latents)
    ]
