"""What an attribution method says of every sample, as a table: ranks, best candidates, influence and rivals."""

import numpy as np
import pandas as pd

from workflow_scripts.evaluation.features import Images
from workflow_scripts.evaluation.rivals import count_rivals
from workflow_scripts.methods import Candidates, Method, Queries

NAMES = ["split", "prompt_set", "model", "prompt_index", "index"]


def attribute(method: Method, images: Images, distractors: pd.DataFrame) -> pd.DataFrame:
    """One row per sample, with the method's answer and the counts of rivals.

    Args:
        images: with the features of the distractors.
        distractors: with the columns id and class.
    """
    exemplars = images.exemplars.table
    queries = Queries(images.sample_features, images.exemplars.truth(images.samples))
    method.prepare(Candidates(images.distractor_features, images.exemplars.features))
    answer = method.rank(queries)
    ids = np.concatenate([distractors["id"].to_numpy(object), exemplars["id"].to_numpy(object)])
    real, top = queries.truth >= 0, answer.top >= 0  # the rest is padding
    first = exemplars.iloc[queries.truth[:, 0]].reset_index(drop=True)
    own = [exemplars.iloc[rows] for rows in _masked(queries.truth, real)]
    ranks = _masked(answer.ranks, real)
    table = images.samples.assign(split=first["split"])[NAMES].assign(
        **{"class": first["class"]},
        new_artist=_known(exemplars["new_artist"], [rows["new_artist"].all(skipna=False) for rows in own]),
        seen_twin=_known(exemplars["seen_twin"], [rows["seen_twin"].any(skipna=False) for rows in own]),
        ranks=ranks,
        best=[int(row.min()) for row in ranks],
        candidates=answer.candidates,
        top_ids=[ids[row] for row in _masked(answer.top, top)],
        top_scores=_masked(answer.top_scores, top),
        top_influence=_masked(answer.top_influence, top),
        true_influence=answer.true_influence,
        divergence=answer.divergence,
        unfitted_divergence=answer.unfitted_divergence,
    )
    rivals = count_rivals(method, queries, table, exemplars, distractors["class"])
    return table.assign(
        hard=rivals["hard"],
        hard_ahead=_masked(rivals["hard_ahead"], real),
        others=rivals["others"],
        others_ahead=_masked(rivals["others_ahead"], real),
    )


def _known(column: pd.Series, values: list) -> pd.Series:
    """What holds of the exemplars of each query; null where it depends on one of whom it is not known."""
    return pd.Series(values, dtype=column.dtype)


def _masked(values: np.ndarray, mask: np.ndarray) -> list[np.ndarray]:
    return [row[keep] for row, keep in zip(values, mask, strict=True)]
