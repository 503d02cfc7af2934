"""Contrastive training of two maps, one of exemplars and one of samples, by symmetric NT-Xent (paper section 4)."""

import copy
import logging
import math
from collections.abc import Callable, Iterator
from typing import get_args

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from workflow_scripts.heads import Head, History, Pairs, Side, Tensors
from workflow_scripts.heads._maps import Map
from workflow_scripts.heads._scoring import score
from workflow_scripts.study.options import Contrastive

log = logging.getLogger(__name__)


def nt_xent(exemplars: torch.Tensor, samples: torch.Tensor, nu: float) -> torch.Tensor:
    """Symmetric NT-Xent of exemplars t and samples s, both [b, d] of length 1; i matches i. `nu`: the temperature."""
    logits = samples @ exemplars.T / nu  # [b, b]
    own = torch.arange(len(logits))
    return F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)


def draw_epoch(pairs: Pairs, batch: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields rows of exemplars and of samples [b], matched one to one.

    A batch holds each model at most once, so samples of one model are never negatives of each other. In an epoch, the
    models with the most samples show each sample once; the others repeat some.
    """
    turns = np.bincount(pairs.sample_model).max()
    exemplars = np.stack([rng.choice(rows, turns) for rows in _rows_by_model(pairs.exemplar_model)])  # [m, turns]
    samples = np.stack([np.resize(rng.permutation(rows), turns) for rows in _rows_by_model(pairs.sample_model)])
    for turn in range(turns):
        order = rng.permutation(len(samples))
        for models in np.array_split(order, math.ceil(len(order) / batch)):
            yield exemplars[models, turn], samples[models, turn]


def _rows_by_model(models: np.ndarray) -> list[np.ndarray]:
    return np.split(np.argsort(models, kind="stable"), np.cumsum(np.bincount(models))[:-1])


def fit(
    head: str, build: Callable[[int], Map], train: Pairs, val: Pairs, settings: Contrastive, seed: int
) -> tuple[Tensors, History]:
    """Trains from the same start at each temperature, and keeps the epoch with the best mAP on val.

    `build` makes the map of one side for a width of features; it may draw from PyTorch's global generator.
    """
    if len(set(train.exemplar_model)) < 2:
        raise ValueError("the training set has one model of train; contrastive learning needs at least two")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        start = nn.ModuleDict({side: build(train.exemplars.shape[1]) for side in get_args(Side)})
    best, history = _tensors(start), []
    untouched = score(Head(head, best), train, val)
    record = untouched["val_mAP"]
    for nu in settings.temperatures:
        maps = copy.deepcopy(start)
        rows = [{"temperature": nu, "epoch": 0, "loss": float("nan"), **untouched}]
        for epoch, loss in enumerate(_train(maps, train, nu, settings, seed), start=1):
            tensors = _tensors(maps)
            rows.append({"temperature": nu, "epoch": epoch, "loss": loss, **score(Head(head, tensors), train, val)})
            log.info("temperature %(temperature)g, epoch %(epoch)d: loss %(loss).4f, val mAP %(val_mAP).4f", rows[-1])
            if rows[-1]["val_mAP"] > record:
                best, record = tensors, rows[-1]["val_mAP"]
            if epoch - np.argmax([row["val_mAP"] for row in rows]) >= settings.patience:
                break
        history += rows
    return best, history


def _train(maps: nn.ModuleDict, train: Pairs, nu: float, settings: Contrastive, seed: int) -> Iterator[float]:
    """Trains the maps and yields the mean loss of each epoch."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(maps.parameters(), lr=settings.learning_rate, weight_decay=settings.ridge, fused=True)
    for epoch in range(settings.epochs):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / settings.epochs))
        losses = []
        for exemplars, samples in draw_epoch(train, settings.batch, rng):
            losses.append(_step(maps, optimizer, train.exemplars[exemplars], train.samples[samples], nu))
            if not math.isfinite(losses[-1]):
                raise ValueError(f"the loss is {losses[-1]}; lower learning_rate ({settings.learning_rate})")
        yield float(np.mean(losses))


def _step(
    maps: nn.ModuleDict, optimizer: torch.optim.Optimizer, exemplars: np.ndarray, samples: np.ndarray, nu: float
) -> float:
    """One step on a batch of features [b, d]; returns its loss."""
    mapped = maps["exemplar"](torch.from_numpy(exemplars)), maps["sample"](torch.from_numpy(samples))
    loss = nt_xent(*(F.normalize(rows, dim=1) for rows in mapped), nu) + sum(one.penalty() for one in maps.values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _tensors(maps: nn.ModuleDict) -> Tensors:
    """The tensors of both maps, as `{side}.{name}`."""
    return {f"{side}.{name}": tensor for side, one in maps.items() for name, tensor in one.tensors().items()}
