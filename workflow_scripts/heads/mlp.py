"""An MLP of two layers per side, learned contrastively from random weights (ablation of the paper, section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from msgspec import Meta

from workflow_scripts.heads import History, Pairs, Side, Tensors
from workflow_scripts.study.options import Contrastive, Count


@dataclass(frozen=True)
class Settings(Contrastive):
    """The section `heads.mlp` of a study."""

    hidden: Annotated[Count, Meta(description="Width of the hidden layer.")]
    dim: Annotated[Count, Meta(description="Width of the result.")]
    batch: Annotated[
        int, Meta(ge=3, description="Most models per batch; at least 3, so that batch norm never sees a single model.")
    ]


def fit(train: Pairs, val: Pairs, settings: Settings, seed: int) -> tuple[Tensors, History]:
    """See `HeadModule.fit`. Epoch 0 is random."""
    from workflow_scripts.heads import _contrastive, _maps  # PyTorch, which applying a head does not need

    build = partial(_maps.Mlp, hidden=settings.hidden, out=settings.dim)
    return _contrastive.fit("mlp", build, train, val, settings, seed)


def apply(tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
    hidden = features @ tensors[f"{side}.weight1"].T  # [n, hidden]
    hidden = np.maximum(hidden * tensors[f"{side}.scale1"] + tensors[f"{side}.shift1"], 0)
    return hidden @ tensors[f"{side}.weight2"].T + tensors[f"{side}.bias2"]
