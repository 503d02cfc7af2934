"""One weight per feature and side, learned contrastively, starting at one (ablation of the paper, section 4)."""

from collections.abc import Mapping

import numpy as np

from workflow_scripts.heads import History, Pairs, Side, Tensors
from workflow_scripts.study.options import Contrastive as Settings


def fit(train: Pairs, val: Pairs, settings: Settings, seed: int) -> tuple[Tensors, History]:
    """See `HeadModule.fit`. Epoch 0 is the identity."""
    from workflow_scripts.heads import _contrastive, _maps  # PyTorch, which applying a head does not need

    return _contrastive.fit("channel", _maps.Channel, train, val, settings, seed)


def apply(tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
    return features * tensors[f"{side}.scale"]
