"""An MLP of two layers per side, learned contrastively from random weights (ablation of the paper, section 4)."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workflow_scripts.heads import History, Pairs, Side, Tensors

SETTINGS = {
    "hidden": {"description": "Width of the hidden layer.", "type": "integer", "minimum": 1},
    "dim": {"description": "Width of the result.", "type": "integer", "minimum": 1},
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
    "ridge": {"description": "Weight decay of all parameters towards zero.", "type": "number", "minimum": 0},
    "batch": {
        "description": "Most models per batch; from 3 on, none is left alone, as batch norm requires.",
        "type": "integer",
        "minimum": 3,
    },
    "epochs": {"description": "Most passes over the samples.", "type": "integer", "minimum": 1},
    "patience": {
        "description": "Stop after so many epochs without a better mAP on val.",
        "type": "integer",
        "minimum": 1,
    },
}


def fit(train: Pairs, val: Pairs, settings: Mapping[str, Any], seed: int) -> tuple[Tensors, History]:
    """See `HeadModule.fit`. Epoch 0 is random; the epoch with the best mAP on val wins."""
    from workflow_scripts.heads import _contrastive, _maps  # PyTorch: whoever only applies a head does without

    def build() -> _maps.Map:
        return _maps.Mlp(train.exemplars.shape[1], settings["hidden"], settings["dim"])

    return _contrastive.fit("mlp", build, train, val, settings, seed)


def apply(tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
    """See `HeadModule.apply`."""
    hidden = features @ tensors[f"{side}.weight1"].T  # [n, hidden]
    hidden = np.maximum(hidden * tensors[f"{side}.scale1"] + tensors[f"{side}.shift1"], 0)
    return hidden @ tensors[f"{side}.weight2"].T + tensors[f"{side}.bias2"]
