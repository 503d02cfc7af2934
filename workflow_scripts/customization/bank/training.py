"""Trains a bank of models by Custom Diffusion at once; each model becomes what it would become alone.

Shapes: m models with b views and p regularization images each per step, so a batch of m * r rows, r = b + p.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional as F

from workflow_scripts.customization import Customized, Task, tokenize
from workflow_scripts.customization.bank.low_rank import compress
from workflow_scripts.customization.bank.stacked import ModelBank
from workflow_scripts.customization.bank.views import draw_views
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.options import CustomDiffusion

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

LAST_RATE = 0.1  # the cosine schedule ends at this share of the learning rate
DIVERGED = 30.0  # latents and noise have variance 1, so predicting zeros costs about 1: such a loss never recovers


def train_bank(
    base: "BaseModel", tasks: Sequence[Task], kind: str, initial: torch.Tensor, settings: CustomDiffusion
) -> list[Customized]:
    """Trains the models of `tasks` from V* = `initial` [d] on; see `CustomizationModule.fine_tune`."""
    data = _gather(base, tasks, kind, settings)
    bank = ModelBank(base, initial, len(tasks))
    parameters = [*bank.deltas, bank.embedding.rows]
    optimizer = torch.optim.AdamW(
        [
            {"params": bank.deltas, "lr": settings.learning_rate},
            {"params": [bank.embedding.rows], "lr": settings.token_learning_rate},
        ],
        betas=settings.betas,
        weight_decay=settings.weight_decay,  # shrinks the deltas: towards the base model, not towards zero
        fused=True,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, settings))
    losses = torch.empty(settings.steps, len(tasks))
    network = torch.compile(base.unet) if settings.compile else base.unet
    with bank.installed():
        for step in range(settings.steps):
            view_loss, prior_loss = _losses(network, bank, data, settings)  # [m] each
            loss = view_loss + settings.prior_weight * prior_loss
            optimizer.zero_grad()
            loss.sum().backward()  # the gradient of a sum over models is each model's own
            if settings.max_grad_norm is not None:
                _clip_each(parameters, settings.max_grad_norm)
            optimizer.step()
            schedule.step()
            # The curve shows the loss on the exemplar; divergence is judged by the whole loss.
            losses[step] = torch.where(loss < DIVERGED, view_loss, loss).detach()
    return [
        _customized(task, bank, i, losses[:, i].tolist(), settings.compression_ratio) for i, task in enumerate(tasks)
    ]


@dataclass(frozen=True)
class _Data:
    """The training data of m models, one model after the other, with the range of each model."""

    latents: torch.Tensor  # of the views [v, c, h, w]
    masks: torch.Tensor  # [v, h, w]
    ids: torch.Tensor  # [v, l]
    views: Sequence[range]  # m
    prior_latents: torch.Tensor  # [q, c, h, w]
    prior_states: torch.Tensor  # [q, l, d]: fixed, as their captions do not contain V*
    priors: Sequence[range]  # m
    generators: Sequence[torch.Generator]  # m: one each, so that no model's draws depend on other models


def _gather(base: "BaseModel", tasks: Sequence[Task], kind: str, settings: CustomDiffusion) -> _Data:
    pools = [
        draw_views(task.exemplars, base.image_size, kind, settings, random.Random(derive_seed(task.seed, "views")))
        for task in tasks
    ]
    views = [view for pool in pools for view in pool]
    prompts = [view.words + task.prompt for task, pool in zip(tasks, pools, strict=True) for view in pool]
    masks = torch.from_numpy(np.stack([view.mask for view in views]))  # [v, H, W]
    captions = [caption for task in tasks for caption in task.prior_captions]
    return _Data(
        latents=base.encode(np.stack([view.image for view in views])),
        # The weight of a latent cell is the share of it that the exemplar covers.
        masks=F.adaptive_avg_pool2d(masks[:, None], base.latent_shape[1:])[:, 0].to(base.device),
        ids=tokenize(base, prompts),
        views=_ranges([len(pool) for pool in pools]),
        prior_latents=torch.from_numpy(np.concatenate([task.prior_latents for task in tasks])).to(base.device),
        prior_states=_text_states(base, captions),
        priors=_ranges([len(task.prior_captions) for task in tasks]),
        generators=[torch.Generator().manual_seed(derive_seed(task.seed, "training")) for task in tasks],
    )


def _ranges(counts: Sequence[int]) -> list[range]:
    ends = np.cumsum(counts)
    return [range(end - count, end) for count, end in zip(counts, ends, strict=True)]


@torch.no_grad()
def _text_states(base: "BaseModel", captions: Sequence[str]) -> torch.Tensor:
    """Text states [n, l, d]; each distinct caption is encoded once, as models of a class word share captions."""
    distinct = list(dict.fromkeys(captions))
    states = base.text_encoder(base.tokenize(distinct)).last_hidden_state
    return states[[distinct.index(caption) for caption in captions]]


def _losses(
    network: Callable, bank: ModelBank, data: _Data, settings: CustomDiffusion
) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses of one step: on views of the exemplars [m] and on regularization images [m]."""
    base = bank.base
    m, b, p = len(data.views), settings.views, settings.prior_images
    view, prior, t, noise = _draw(data, b, p, base)
    z = torch.cat([data.latents[view], data.prior_latents[prior]], 1).flatten(0, 1)  # [m * r, c, h, w]
    states = base.text_encoder(data.ids[view].flatten(0, 1)).last_hidden_state.unflatten(0, (m, b))  # [m, b, l, d]
    states = torch.cat([states, data.prior_states[prior].to(states.dtype)], 1).flatten(0, 1)  # [m * r, l, d]
    mask = torch.cat([data.masks[view], data.masks.new_ones(m, p, *data.masks.shape[1:])], 1)  # [m, r, h, w]
    bank.attend(states)
    predicted = network(base.scheduler.add_noise(z, noise, t), t, states).sample.float()
    velocity = base.scheduler.config.prediction_type == "v_prediction"
    target = base.scheduler.get_velocity(z, noise, t) if velocity else noise
    error = F.mse_loss(predicted, target, reduction="none").mean(1).unflatten(0, (m, b + p))  # [m, r, h, w]
    row = (mask * error).sum((2, 3)) / mask.sum((2, 3))  # [m, r]
    return row[:, :b].mean(1), row[:, b:].sum(1) / max(p, 1)


def _draw(data: _Data, b: int, p: int, base: "BaseModel") -> tuple[torch.Tensor, ...]:
    """Indices of views [m, b] and regularization images [m, p], timesteps [m * r] and noise [m * r, c, h, w]."""
    shape, steps = base.latent_shape, base.scheduler.config.num_train_timesteps
    drawn = [
        (
            torch.randint(views.start, views.stop, (b,), generator=generator),
            torch.randint(priors.start, priors.stop, (p,), generator=generator),
            torch.randint(steps, (b + p,), generator=generator),
            torch.randn(b + p, *shape, generator=generator),
        )
        for views, priors, generator in zip(data.views, data.priors, data.generators, strict=True)
    ]
    view, prior, t, noise = (torch.stack(part).to(base.device) for part in zip(*drawn, strict=True))
    return view, prior, t.flatten(), noise.flatten(0, 1)


def _rate(step: int, settings: CustomDiffusion) -> float:
    """Factor of the learning rates at a step: linear warm-up, then constant or cosine."""
    warm_up = min(1.0, (step + 1) / max(1, settings.warmup_steps))
    if settings.schedule == "constant":
        return warm_up
    return warm_up * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * step / settings.steps)) / 2)


def _clip_each(parameters: Sequence[torch.nn.Parameter], max_norm: float) -> None:
    """Clips each model's gradient by its own norm; a norm over the bank would make models depend on each other."""
    norm = sum(p.grad.flatten(1).square().sum(1) for p in parameters).sqrt()  # [m]
    factor = (max_norm / norm.clamp(min=1e-12)).clamp(max=1.0)
    for p in parameters:
        p.grad.mul_(factor.view(-1, *[1] * (p.dim() - 1)))


def _customized(task: Task, bank: ModelBank, index: int, losses: list[float], ratio: float) -> Customized:
    for step, loss in enumerate(losses):
        if not loss < DIVERGED:  # also true of NaN
            return Customized(task.model, losses=losses, error=f"loss {loss:.4g} at step {step}")
    weights = bank.weights(index)
    if not all(np.isfinite(array).all() for array in weights.values()):
        return Customized(task.model, losses=losses, error=f"weights not finite after step {len(losses) - 1}")
    kept, lost = compress(weights, ratio, bank.base.device)
    return Customized(task.model, kept, losses, lost)
