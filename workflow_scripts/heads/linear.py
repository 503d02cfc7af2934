"""Two square linear maps with bias, learned contrastively, starting at the identity (paper section 4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import numpy as np
from msgspec import Meta

from workflow_scripts.heads import History, Pairs, Side, Tensors
from workflow_scripts.study.options import Contrastive, NotNegative


@dataclass(frozen=True)
class Settings(Contrastive):
    """The section `heads.linear` of a study."""

    orthogonality: Annotated[
        NotNegative,
        Meta(description="Weight of ||W W^T - I||_F^2 / d of both maps in the loss; 0 is off, and much faster."),
    ]


def fit(train: Pairs, val: Pairs, settings: Settings, seed: int) -> tuple[Tensors, History]:
    """See `HeadModule.fit`. Epoch 0 is the identity."""
    from workflow_scripts.heads import _contrastive, _maps  # PyTorch, which applying a head does not need

    build = partial(_maps.NearIdentity, orthogonality=settings.orthogonality)
    return _contrastive.fit("linear", build, train, val, settings, seed)


def apply(tensors: Mapping[str, np.ndarray], side: Side, features: np.ndarray) -> np.ndarray:
    return features @ tensors[f"{side}.weight"].T + tensors[f"{side}.bias"]
