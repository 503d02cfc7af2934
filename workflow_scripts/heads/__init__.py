"""Heads: maps h (exemplars) and h~ (samples) from frozen features to a space made for attribution (paper section 4).

A new head is one file with functions `fit` and `apply`, and one entry under `heads:` in the study; `identity.py` is
the shortest to copy. Shapes: d features, m models, e exemplars, n samples.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from workflow_scripts import artifacts, plugins

Side = Literal["exemplar", "sample"]
Tensors = dict[str, np.ndarray]
History = list[dict[str, float]]


@dataclass(frozen=True)
class Pairs:
    """Exemplars of m customized models and samples that the models made, as features of length 1."""

    exemplars: np.ndarray  # float32 [e, d]
    exemplar_model: np.ndarray  # int [e], the model of each exemplar, from 0 to m - 1; every model has at least one
    samples: np.ndarray  # float32 [n, d]
    sample_model: np.ndarray  # int [n], the model of each sample; every model has at least one


@dataclass(frozen=True)
class Head:
    """A fitted head."""

    name: str  # of its plug-in
    tensors: Mapping[str, np.ndarray]  # what `fit` returned
    raw: bool = False  # fitted on features of any length, like heads that others released; ours: of length 1


class HeadModule(Protocol):
    """What a module of this folder offers, beside `Settings` (see `plugins`)."""

    def fit(self, train: Pairs, val: Pairs, settings: Any, seed: int) -> tuple[Tensors, History]:
        """Fits the head on `train` and selects it on `val`.

        Returns:
            Float32 tensors to store, and rows of `temperature`, `epoch`, `loss`, `train_mAP` and `val_mAP` (NaN where
            there is no value; epoch 0 is the head before training).

        Raises:
            ValueError: the loss is not finite, or `train` has too few models.
        """

    def apply(self, tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
        """Maps features of length 1, float32 [n, d], with h or h~; the result need not have length 1."""


def read_head(path: str | os.PathLike, encoder: str) -> Head:
    """Reads a head; raises `ValueError` if the file is corrupt, or the head was fitted to another encoder."""
    tensors = artifacts.read_tensors(path, {"encoder": encoder})
    settings = artifacts.read_provenance(path)["settings"]
    return Head(settings["head"], tensors, settings.get("raw", False))


def normalize(features: np.ndarray) -> np.ndarray:
    """Scales rows [n, d] to length 1; a row of zeros does not change."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, np.finfo(np.float32).tiny)


def project(head: Head, side: Side, features: np.ndarray) -> np.ndarray:
    """Maps raw encoder features, float32 [n, d], to rows [n, d'] of length 1; the inner product is the similarity.

    `side` is `exemplar` for exemplars and distractors, `sample` for samples.
    """
    inputs = features if head.raw else normalize(features)
    return normalize(plugins.load("heads", head.name).apply(head.tensors, side, inputs))
