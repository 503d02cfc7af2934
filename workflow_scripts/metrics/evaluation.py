"""The numbers of one cell: a method with an encoder and a head, on one case and prompt set (paper section 5).

Every number is a mean over queries with a 95 % interval over models. Beside the method stands a random ranking of the
same candidates, which must sit at chance, and, for a learned head, the paired difference to the untuned features.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts.metrics import bootstrap, retrieval
from workflow_scripts.seeds import derive_seed

QUERY = ["model", "prompt_index", "index"]  # what tells queries of one cell apart
INFLUENCE_BINS = (0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0)  # percent


def evaluate(scores: pd.DataFrame, untuned: pd.DataFrame | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All numbers of a cell.

    Args:
        scores: one row per query, as step `attribute` writes it.
        untuned: the same queries under the identity head; None where `scores` are untuned themselves.
        settings: `seed`, `case`, `prompt_set` and the section `evaluation`.
    """
    names = (settings["seed"], settings["case"], settings["prompt_set"])
    recall_at, resamples = settings["evaluation"]["recall_at"], settings["evaluation"]["bootstrap"]
    return {
        **summarize(scores, recall_at, resamples, *names),
        "true_influence": bootstrap.mean_interval(
            scores["true_influence"] / 100, scores["model"], resamples, *names, "true_influence"
        ).as_dict(),
        "artists": {
            label: summarize(part, recall_at, resamples, *names, label)
            for label, part in (("known", scores[~scores["new_artist"]]), ("new", scores[scores["new_artist"]]))
            if len(part)
        },
        "random": summarize(shuffled(scores, *names), recall_at, resamples, *names, "random")
        | {"chance": {str(k): float(np.mean(k / scores["candidates"])) for k in recall_at}},
        "versus_identity": None if untuned is None else compare(scores, untuned, recall_at, resamples, *names),
        "reliability": reliability(scores),
    }


def summarize(scores: pd.DataFrame, recall_at: Sequence[int], resamples: int, *seed: str | int) -> dict[str, Any]:
    """Recall@K with its ceiling, mAP and median rank of queries; needs the columns model, ranks and candidates."""
    models, ranks = scores["model"], list(scores["ranks"])

    def mean(values: np.ndarray, name: str) -> dict[str, float | None]:
        return bootstrap.mean_interval(values, models, resamples, *seed, name).as_dict()

    return {
        "n_models": models.nunique(),
        "n_queries": len(scores),
        "candidates": int(scores["candidates"].median()),
        "recall": {
            str(k): mean(recalls(ranks, k), f"recall@{k}")
            | {"ceiling": float(np.mean([retrieval.recall_ceiling(len(row), k) for row in ranks]))}
            for k in recall_at
        },
        "mAP": mean(precisions(ranks), "mAP"),
        "median_rank": bootstrap.median_interval(ranks, models, resamples, *seed, "median_rank").as_dict(),
    }


def compare(
    scores: pd.DataFrame, untuned: pd.DataFrame, recall_at: Sequence[int], resamples: int, *seed: str | int
) -> dict[str, Any]:
    """Tuned minus untuned on the same queries: difference, interval and p by paired bootstrap over models.

    Raises:
        ValueError: the two do not hold the same queries.
    """
    scores, untuned = (table.sort_values(QUERY, ignore_index=True) for table in (scores, untuned))
    if not scores[QUERY].equals(untuned[QUERY]):
        raise ValueError(f"untuned scores hold other queries ({len(untuned)}) than the tuned ones ({len(scores)})")
    tuned, base, models = list(scores["ranks"]), list(untuned["ranks"]), scores["model"]
    paired = bootstrap.paired_difference
    return {
        "recall": {
            str(k): paired(recalls(tuned, k), recalls(base, k), models, resamples, *seed, f"recall@{k}")
            for k in recall_at
        },
        "mAP": paired(precisions(tuned), precisions(base), models, resamples, *seed, "mAP"),
    }


def shuffled(scores: pd.DataFrame, *seed: str | int) -> pd.DataFrame:
    """The same queries with their candidates in random order."""
    rng = np.random.default_rng(derive_seed(*seed, "random"))
    drawn = [
        retrieval.random_ranks(len(ranks), candidates, rng)
        for ranks, candidates in zip(scores["ranks"], scores["candidates"], strict=True)
    ]
    return scores.assign(ranks=drawn)


def reliability(scores: pd.DataFrame) -> list[dict[str, float]]:
    """Is influence calibrated? Mean given and true influence of the top candidates, by bins of given influence.

    The truth S gives each of a query's m true exemplars 100/m percent and everyone else nothing.
    """
    given = np.concatenate(list(scores["top_influence"]))
    true = np.concatenate(
        [
            [100 / len(row.ranks) if name.rpartition("/")[0] == row.model else 0.0 for name in row.top_ids]
            for row in scores.itertuples()
        ]
    )
    bins = np.digitize(given, INFLUENCE_BINS[1:-1])
    return [
        {"given": float(given[bins == i].mean()), "true": float(true[bins == i].mean()), "n": int(np.sum(bins == i))}
        for i in np.unique(bins)
    ]


def recalls(ranks: Sequence[np.ndarray], k: int) -> np.ndarray:
    """Recall@k of each query."""
    return np.array([retrieval.recall_at(row, k) for row in ranks])


def precisions(ranks: Sequence[np.ndarray]) -> np.ndarray:
    """AP of each query."""
    return np.array([retrieval.average_precision(row) for row in ranks])
