"""One weight per feature and side, learned contrastively from one on (ablation of the paper, section 4)."""

from collections.abc import Mapping

import numpy as np

from workflow_scripts.heads import History, Pairs, Side, Tensors
from workflow_scripts.study.options import Contrastive as Settings


def fit(train: Pairs, val: Pairs, settings: Settings, seed: int) -> tuple[Tensors, History]:
    """See `HeadModule.fit`. Epoch 0 is the identity; the epoch with the best mAP on val wins."""
    from workflow_scripts.heads import _contrastive, _maps  # PyTorch: whoever only applies a head does without

    def build() -> _maps.Map:
        return _maps.Channel(train.exemplars.shape[1])

    return _contrastive.fit("channel", build, train, val, settings, seed)


def apply(tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
    """See `HeadModule.apply`."""
    return features * tensors[f"{side}.scale"]
