"""The numbers of a fitted head in every cell, a case and prompt set (paper section 5).

Every number is a mean over queries with a 95 % interval over models. For a learned head, the paired difference to the
untuned features stands beside it; for the untuned features, a random ranking that must sit at chance.

A cell is looked at in several views, each of some queries or some candidates:

    all           the paper's: all distractors and the query's own exemplars
    others        stricter: the exemplars of all other models are candidates too
    hard, easy    only distractors of the exemplar's own class, or only those of other classes
    known, new    exemplars by artists whose other drawings the base model has seen, or by artists it has not
    twin-free     exemplars of which neither the base model nor a head has seen a near-duplicate
    n = 5         models that were tuned on so many exemplars
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.evaluation import bootstrap, retrieval
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.evaluation import EvaluateSettings

QUERY = ["split", "prompt_set", "model", "prompt_index", "index"]  # what tells queries of one case apart
COLUMNS = [
    *QUERY,
    *("new_artist", "seen_twin", "ranks", "candidates", "hard", "hard_ahead", "others", "others_ahead"),
    *("top_ids", "top_influence", "true_influence"),
]
INFLUENCE_BINS = (0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0)  # percent


def read_scores(files: Sequence[Path], expect: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """The scores of each case; their files are named after it.

    Raises:
        ValueError: a file is of other settings than `expect`.
    """
    return {file.stem: artifacts.read_table(file, COLUMNS, {**expect, "case": file.stem}) for file in files}


def evaluate(
    scores: Mapping[str, pd.DataFrame], untuned: Mapping[str, pd.DataFrame] | None, settings: EvaluateSettings
) -> dict[str, Any]:
    """All numbers of a head.

    Args:
        scores: by case, one row per query, as step `attribute` writes it.
        untuned: the same queries under the identity head; None where `scores` are untuned themselves.

    Returns:
        `records`, one per case, prompt set, split and view, and `reliability` by case and prompt set.

    Raises:
        ValueError: `untuned` does not hold the same queries.
    """
    records, reliable = [], []
    for case, table in scores.items():
        about = {"case": case, "kind": settings.cases[case].kind}
        base = None if untuned is None else _matched(untuned[case], table, case)
        for (split, prompt_set), rows in table.groupby(["split", "prompt_set"], sort=False).indices.items():
            cell = {**about, "split": split, "prompt_set": prompt_set}
            part, untuned_part = table.iloc[rows], None if base is None else base.iloc[rows]
            for record in _records(part, untuned_part, settings.cases[case].sets, settings, cell):
                records.append({**cell, **record, **_missing(record, cell, settings)})
            if split == "test":
                reliable += [{**about, "prompt_set": prompt_set, **point} for point in reliability(part)]
    return {"records": records, "reliability": reliable}


def _missing(record: Mapping[str, Any], cell: Mapping[str, str], settings: EvaluateSettings) -> dict[str, int]:
    """How many queries of a whole cell a release lacks; nothing if it lacks none."""
    expected = (settings.cases[cell["case"]].expected or {}).get(cell["prompt_set"], 0)
    lacking = expected - record["n_queries"] if record["view"] == "all" else 0
    return {"missing": lacking} if lacking > 0 else {}


def _matched(untuned: pd.DataFrame, scores: pd.DataFrame, case: str) -> pd.DataFrame:
    """The untuned rows in the order of `scores`."""
    matched = scores[QUERY].merge(untuned, how="left", on=QUERY)
    if len(untuned) != len(scores) or matched["ranks"].isna().any():
        raise ValueError(
            f"{case}: untuned scores hold other queries ({len(untuned)}) than the tuned ones ({len(scores)})"
        )
    return matched


def _records(
    scores: pd.DataFrame,
    untuned: pd.DataFrame | None,
    sets: bool,
    settings: EvaluateSettings,
    cell: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    recall_at, resamples = settings.evaluation.recall_at, settings.evaluation.bootstrap
    names = (settings.seed, *cell.values())
    whole_view = cell["split"] != "test"
    before = {} if untuned is None else dict(views(untuned, sets, whole_view))
    for view, part in views(scores, sets, whole_view):
        numbers = summarize(part, recall_at, resamples, *names, view)
        if untuned is not None:
            numbers["versus_identity"] = compare(part, before[view], recall_at, resamples, *names, view)
        yield {"view": view, "ranking": "method", **numbers}
        if untuned is None and (view == "all" or view.startswith("n = ")):
            drawn = shuffled(part, *names, view)
            yield {"view": view, "ranking": "random", **summarize(drawn, recall_at, resamples, *names, view, "random")}


def views(scores: pd.DataFrame, sets: bool, whole: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each view of a cell's queries, those without queries left out; see above.

    Args:
        sets: whether the case's models differ in their number of exemplars on purpose.
        whole: only the view `all`.
    """
    yield "all", scores
    if whole:
        return
    if sets:
        sizes = scores["ranks"].map(len)
        for size in sorted(sizes.unique()):
            yield f"n = {size}", scores[sizes == size]
        return
    ranks, places = scores["ranks"], scores["ranks"].map(place_among_truth)
    yield (
        "others",
        scores.assign(ranks=ranks + scores["others_ahead"], candidates=scores["candidates"] + scores["others"]),
    )
    own = ranks.map(len)
    # Two passes may round a score to either side of a tie; nobody stands before the first.
    easy = [np.maximum(place, left) for place, left in zip(places, ranks - scores["hard_ahead"], strict=True)]
    parts = {
        "hard": scores.assign(ranks=places + scores["hard_ahead"], candidates=own + scores["hard"])[scores["hard"] > 0],
        "easy": scores.assign(ranks=easy, candidates=scores["candidates"] - scores["hard"])[scores["hard"] > 0],
        "known": scores[~scores["new_artist"]],
        "new": scores[scores["new_artist"]],
        "twin-free": scores[~scores["seen_twin"]] if scores["seen_twin"].any() else scores.iloc[:0],
    }
    yield from ((view, part) for view, part in parts.items() if len(part))


def place_among_truth(ranks: np.ndarray) -> np.ndarray:
    """Rank of each true exemplar among the true ones alone, from its distinct ranks [m]."""
    return np.argsort(np.argsort(ranks)) + 1


def summarize(scores: pd.DataFrame, recall_at: Sequence[int], resamples: int, *seed: str | int) -> dict[str, Any]:
    """Recall@K with its ceiling, mAP, influence on the truth and median rank of queries."""
    models, ranks = scores["model"], list(scores["ranks"])
    values = {**_measures(ranks, recall_at), "true_influence": scores["true_influence"].to_numpy() / 100}
    means = bootstrap.mean_intervals(values, models, resamples, *seed)
    return {
        "n_models": models.nunique(),
        "n_queries": len(scores),
        "candidates": int(scores["candidates"].median()),
        "chance": {str(k): float(np.mean(np.minimum(1, k / scores["candidates"]))) for k in recall_at},
        "recall": {
            str(k): means[f"recall@{k}"].as_dict()
            | {"ceiling": float(np.mean([retrieval.recall_ceiling(len(row), k) for row in ranks]))}
            for k in recall_at
        },
        "mAP": means["mAP"].as_dict(),
        "true_influence": means["true_influence"].as_dict(),
        "median_rank": bootstrap.median_interval(ranks, models, resamples, *seed, "median_rank").as_dict(),
    }


def compare(
    scores: pd.DataFrame, untuned: pd.DataFrame, recall_at: Sequence[int], resamples: int, *seed: str | int
) -> dict[str, Any]:
    """Tuned minus untuned on the same queries: difference, interval and p by paired bootstrap over models."""
    tuned, base = (_measures(list(table["ranks"]), recall_at) for table in (scores, untuned))
    differences = bootstrap.paired_differences(tuned, base, scores["model"], resamples, *seed)
    return {"recall": {str(k): differences[f"recall@{k}"] for k in recall_at}, "mAP": differences["mAP"]}


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


def _measures(ranks: Sequence[np.ndarray], recall_at: Sequence[int]) -> dict[str, np.ndarray]:
    """Recall@k for each k, and AP, of each query."""
    recalls = {f"recall@{k}": np.array([retrieval.recall_at(row, k) for row in ranks]) for k in recall_at}
    lengths, precision = np.array([len(row) for row in ranks]), np.empty(len(ranks))
    for length in np.unique(lengths):  # of equal length, many at once
        rows = np.flatnonzero(lengths == length)
        precision[rows] = retrieval.average_precision(np.stack([ranks[row] for row in rows]))
    return {**recalls, "mAP": precision}
