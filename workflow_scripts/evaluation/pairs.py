"""The pairs of exemplar and sample that heads learn on."""

import numpy as np
import pandas as pd

from workflow_scripts import heads, seeds
from workflow_scripts.evaluation.features import Images


def make_pairs(images: Images, split: str, share: float = 1.0) -> heads.Pairs:
    """The exemplars and samples of the models of a split.

    Args:
        share: of each case's models, in the order of a hash of their names; a smaller share is part of a larger one.

    Raises:
        ValueError: there is no model of this split, or one lacks samples.
    """
    exemplars = images.exemplars
    own = exemplars.table[exemplars.table["split"] == split]
    models = [model for _, part in own.groupby("case", sort=False) for model in _first(part, share)]
    if not models:
        raise ValueError(f"split {split!r}: no exemplars; a training set's cases must have models of train and val")
    rows, rows_of_samples = exemplars.rows(), images.samples.groupby(["case", "model"], sort=False).indices
    for case, model in models:
        if (case, model) not in rows_of_samples:
            raise ValueError(f"{case}: model {model!r} of split {split!r} has no samples")
    exemplar_rows = [rows[model] for model in models]
    sample_rows = [rows_of_samples[model] for model in models]
    return heads.Pairs(
        exemplars=heads.normalize(exemplars.features[np.concatenate(exemplar_rows)]),
        exemplar_model=np.repeat(np.arange(len(models)), list(map(len, exemplar_rows))),
        samples=heads.normalize(images.sample_features[np.concatenate(sample_rows)]),
        sample_model=np.repeat(np.arange(len(models)), list(map(len, sample_rows))),
    )


def _first(exemplars: pd.DataFrame, share: float) -> list[tuple[str, str]]:
    """A share of the models of a case, at least one, in the order of its exemplars."""
    models = list(dict.fromkeys(zip(exemplars["case"], exemplars["model"], strict=True)))
    order = sorted(models, key=lambda model: seeds.derive_seed("share", *model))
    first = set(order[: max(1, round(share * len(models)))])
    return [model for model in models if model in first]
