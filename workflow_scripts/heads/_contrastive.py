"""Contrastive training of two maps, of exemplars and of samples, by NT-Xent in both directions (paper section 4).

The maps start as the identity and are parametrised by their difference from it, so that weight decay pulls towards
the untuned features instead of towards zero: hundreds of exemplars do not determine a million weights.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from workflow_scripts.heads import Head, History, Pairs, Tensors
from workflow_scripts.heads._validation import validation_map

log = logging.getLogger(__name__)


class NearIdentity(nn.Module):
    """x -> x + x D^T + b, where D and b start at zero."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.difference = nn.Parameter(torch.zeros(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Maps [b, d] to rows [b, d] of length 1."""
        return F.normalize(features + features @ self.difference.T + self.bias, dim=1)


def nt_xent(exemplars: torch.Tensor, samples: torch.Tensor, nu: float) -> torch.Tensor:
    """Symmetric NT-Xent: exemplar i must find sample i in the batch, and sample i exemplar i.

    Args:
        exemplars: t, [b, d] of length 1.
        samples: s, [b, d] of length 1.
        nu: temperature.
    """
    logits = samples @ exemplars.T / nu  # [b, b]
    own = torch.arange(len(logits))
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)


def draw_epoch(pairs: Pairs, batch: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields rows of exemplars and of samples [b], matched one to one.

    A batch holds a model at most once, so two samples of one exemplar are never each other's negatives. In an epoch,
    the models with the most samples show each sample once; the others repeat theirs.
    """
    exemplars = _rows_by_model(pairs.exemplar_model)
    samples = [rng.permutation(rows) for rows in _rows_by_model(pairs.sample_model)]
    for turn in range(max(map(len, samples))):
        order = rng.permutation(len(samples))
        for models in np.array_split(order, math.ceil(len(order) / batch)):
            yield (
                np.array([rng.choice(exemplars[model]) for model in models]),
                np.array([samples[model][turn % len(samples[model])] for model in models]),
            )


def _rows_by_model(models: np.ndarray) -> list[np.ndarray]:
    return np.split(np.argsort(models, kind="stable"), np.cumsum(np.bincount(models))[:-1])


def fit(train: Pairs, val: Pairs, settings: Mapping[str, Any], seed: int) -> tuple[Tensors, History]:
    """See `heads.linear.fit`."""
    maps = nn.ModuleDict({side: NearIdentity(train.exemplars.shape[1]) for side in ("exemplar", "sample")})
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(
        maps.parameters(), lr=settings["learning_rate"], weight_decay=settings["ridge"], fused=True
    )
    best, history = _tensors(maps), []
    for epoch in range(settings["epochs"] + 1):
        loss = float("nan")
        if epoch > 0:
            rate = 0.5 * (1 + math.cos(math.pi * (epoch - 1) / settings["epochs"]))  # cosine over epochs
            for group in optimizer.param_groups:
                group["lr"] = settings["learning_rate"] * rate
            loss = _train_epoch(maps, optimizer, train, settings, rng)
        tensors = _tensors(maps)
        score = validation_map(Head("linear", tensors), val)
        if all(score > row["val_mAP"] for row in history):
            best, leader = tensors, epoch
        history.append({"epoch": epoch, "loss": loss, "val_mAP": score})
        log.info("epoch %d: loss %.4f, val mAP %.4f", epoch, loss, score)
        if epoch - leader >= settings["patience"]:
            break
    return best, history


def _train_epoch(
    maps: nn.ModuleDict,
    optimizer: torch.optim.Optimizer,
    train: Pairs,
    settings: Mapping[str, Any],
    rng: np.random.Generator,
) -> float:
    losses = []
    for exemplars, samples in draw_epoch(train, settings["batch"], rng):
        loss = nt_xent(
            maps["exemplar"](torch.from_numpy(train.exemplars[exemplars])),
            maps["sample"](torch.from_numpy(train.samples[samples])),
            settings["temperature"],
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise ValueError(f"the loss is {losses[-1]}; lower learning_rate ({settings['learning_rate']})")
    return float(np.mean(losses))


def _tensors(maps: nn.ModuleDict) -> Tensors:
    """The maps as plain matrices, `{side}.weight` [d, d] and `{side}.bias` [d]."""
    tensors = {}
    for side, near in maps.items():
        difference = near.difference.detach().numpy()
        tensors[f"{side}.weight"] = np.eye(len(difference), dtype=np.float32) + difference
        tensors[f"{side}.bias"] = near.bias.detach().numpy().copy()
    return tensors
