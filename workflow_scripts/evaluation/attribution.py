"""What an attribution method says of every sample, as a table: ranks, best candidates, influence and rivals."""

import numpy as np
import pandas as pd

from workflow_scripts.evaluation import rivals
from workflow_scripts.evaluation.features import Exemplars, Images
from workflow_scripts.methods import Attribution, Candidates, Method, Queries

NAMES = ["split", "prompt_set", "model", "prompt_index", "index"]


def attribute(method: Method, images: Images, distractors: pd.DataFrame) -> pd.DataFrame:
    """One row per sample: the columns of `to_table` and of `count_rivals`.

    Args:
        images: with the features of the distractors.
        distractors: with the columns id and class.
    """
    exemplars, truth = images.exemplars, images.exemplars.truth(images.samples)
    method.prepare(Candidates(images.distractor_features, exemplars.features))
    queries = Queries(images.sample_features, truth)
    names = np.concatenate([distractors["id"].to_numpy(object), exemplars.table["id"].to_numpy(object)])
    table = to_table(images.samples, exemplars, truth, names, method.rank(queries))
    return table.assign(**count_rivals(method, queries, table, exemplars.table, distractors["class"]))


def to_table(
    samples: pd.DataFrame, exemplars: Exemplars, truth: np.ndarray, names: np.ndarray, answer: Attribution
) -> pd.DataFrame:
    """One row per sample; `names` are the ids of all candidates, in the order of `Attribution`."""
    first = exemplars.table.iloc[truth[:, 0]].reset_index(drop=True)
    real = answer.top >= 0
    ranks = _without_padding(answer.ranks, truth)
    own = [exemplars.table.iloc[row[row >= 0]] for row in truth]
    return samples.assign(split=first["split"])[NAMES].assign(
        **{"class": first["class"]},
        new_artist=[bool(rows["new_artist"].all()) for rows in own],
        seen_twin=[bool(rows["seen_twin"].any()) for rows in own],
        ranks=ranks,
        best=[int(row.min()) for row in ranks],
        candidates=answer.candidates,
        top_ids=[names[row[mask]] for row, mask in zip(answer.top, real, strict=True)],
        top_scores=[row[mask] for row, mask in zip(answer.top_scores, real, strict=True)],
        top_influence=[row[mask] for row, mask in zip(answer.top_influence, real, strict=True)],
        true_influence=answer.true_influence,
    )


def count_rivals(
    method: Method, queries: Queries, table: pd.DataFrame, exemplars: pd.DataFrame, classes: pd.Series
) -> dict[str, list]:
    """The columns hard, hard_ahead, others and others_ahead.

    Args:
        table: of the queries, with the columns model and class.
        exemplars: of all cases, in the rows that `queries.truth` names.
        classes: of the distractors.
    """
    first_exemplar, hard, nobody = len(classes), rivals.hard_distractors(classes), np.empty(0, np.int64)
    groups: dict[str, dict] = {"hard": {}, "others": {}}
    for model, rows in table.groupby("model", sort=False).indices.items():
        truth = queries.truth[rows[0]]
        groups["hard"][model] = hard.get(table["class"].iloc[rows[0]], nobody)
        groups["others"][model] = first_exemplar + rivals.other_exemplars(exemplars, truth[truth >= 0])
    columns = {}
    for kind, of_model in groups.items():
        ahead = rivals.ahead_of_truth(
            method.score, queries.samples, queries.truth, table["model"], of_model, first_exemplar
        )
        columns[kind] = [len(of_model[model]) for model in table["model"]]
        columns[f"{kind}_ahead"] = _without_padding(ahead, queries.truth)
    return columns


def _without_padding(values: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
    return [row[mask] for row, mask in zip(values, truth >= 0, strict=True)]
