"""Which drawings pre-training may see, and pools of pictures composed of them."""

import pandas as pd

from workflow_scripts.miniature.corpus.compose import Pool, compose_pool
from workflow_scripts.miniature.corpus.packages import FAMILIES
from workflow_scripts.miniature.corpus.roles import OTHER, PRETRAIN


def known_drawings(drawings: pd.DataFrame) -> pd.DataFrame:
    """The drawings whose concepts the base model learns."""
    return drawings[drawings.role == PRETRAIN]


def decodable_drawings(drawings: pd.DataFrame) -> pd.DataFrame:
    """All drawings that may train weights we ship: of any concept, but no exemplar, no twin, no share-alike licence."""
    allowed = drawings.family.map(lambda name: FAMILIES[name].pretrain)
    return drawings[allowed & drawings.role.isin((PRETRAIN, OTHER))]


def unlabelled_pool(drawings: pd.DataFrame, count: int, seed: int) -> Pool:
    """A pool of pictures for training without captions: class words are the drawings' own labels."""
    return compose_pool(drawings, count, dict(zip(drawings.concept, drawings.label, strict=True)), seed)
