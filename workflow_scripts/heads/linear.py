"""Two square linear maps with bias, learned contrastively from the identity on (paper section 4)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workflow_scripts.heads import History, Pairs, Side, Tensors

SETTINGS = {
    "temperatures": {
        "description": "nu of NT-Xent; the one with the best mAP on val is kept.",
        "type": "array",
        "items": {"type": "number", "exclusiveMinimum": 0},
        "minItems": 1,
        "uniqueItems": True,
    },
    "learning_rate": {
        "description": "Peak rate of AdamW; it follows a cosine.",
        "type": "number",
        "exclusiveMinimum": 0,
    },
    "ridge": {"description": "Weight decay of the maps towards the identity.", "type": "number", "minimum": 0},
    "orthogonality": {
        "description": "Weight of ||W W^T - I||_F^2 / d of both maps in the loss; 0 is off, and much faster.",
        "type": "number",
        "minimum": 0,
    },
    "batch": {
        "description": "Most models per batch; each gives one exemplar and one sample.",
        "type": "integer",
        "minimum": 2,
    },
    "epochs": {"description": "Most passes over the samples.", "type": "integer", "minimum": 1},
    "patience": {
        "description": "Stop after so many epochs without a better mAP on val.",
        "type": "integer",
        "minimum": 1,
    },
}


def fit(train: Pairs, val: Pairs, settings: Mapping[str, Any], seed: int) -> tuple[Tensors, History]:
    """See `HeadModule.fit`. Epoch 0 is the identity; the epoch with the best mAP on val wins."""
    from workflow_scripts.heads import _contrastive, _maps  # PyTorch: whoever only applies a head does without

    def build() -> _maps.Map:
        return _maps.NearIdentity(train.exemplars.shape[1], settings["orthogonality"])

    return _contrastive.fit("linear", build, train, val, settings, seed)


def apply(tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
    """See `HeadModule.apply`."""
    return features @ tensors[f"{side}.weight"].T + tensors[f"{side}.bias"]
