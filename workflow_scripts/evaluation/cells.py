"""The numbers of a fitted head in every cell, a case and prompt set (paper section 5).

Every number is a mean over queries with a 95 % interval over models. A learned head also has the paired difference to
the untuned features; untuned features also have the numbers of a random ranking, which must be at chance.

A cell has several views, each of some queries or some candidates:

    all           the paper's: all distractors and the query's own exemplars
    others        stricter: the exemplars of all other models are candidates too
    hard, easy    only distractors of the exemplar's own class, or only those of other classes
    known, new    exemplars of artists of whom the base model has seen other drawings, or has seen none
    twin-free     exemplars of which neither the base model nor a head has seen a near-duplicate
    n = 5         models that were tuned on five exemplars
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.evaluation import intervals, retrieval
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.evaluation import EvaluateSettings, Evaluation

QUERY = ["split", "prompt_set", "model", "prompt_index", "index"]  # identify a query of a case
COLUMNS = [
    *QUERY,
    *("new_artist", "seen_twin", "ranks", "candidates", "hard", "hard_ahead", "others", "others_ahead"),
    *("top_ids", "top_influence", "true_influence"),
]
INFLUENCE_BINS = (0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0)  # percent


def read_scores(files: Sequence[Path], expect: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """The scores of each case, whose name is that of its file; raises `ValueError` if a file has other settings."""
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
            for record in _records(part, untuned_part, settings, cell):
                records.append({**cell, **record, **_missing(record, cell, settings)})
            if split == "test":
                reliable += [{**about, "prompt_set": prompt_set, **point} for point in reliability(part)]
    return {"records": records, "reliability": reliable}


def _missing(record: Mapping[str, Any], cell: Mapping[str, str], settings: EvaluateSettings) -> dict[str, int]:
    """`missing`, the number of queries of a whole cell that a release lacks; nothing if it is complete."""
    expected = (settings.cases[cell["case"]].expected or {}).get(cell["prompt_set"], 0)
    lacking = expected - record["n_queries"] if record["view"] == "all" else 0
    return {"missing": lacking} if lacking > 0 else {}


def _matched(untuned: pd.DataFrame, scores: pd.DataFrame, case: str) -> pd.DataFrame:
    """The untuned rows in the order of `scores`."""
    matched = scores[QUERY].merge(untuned, how="left", on=QUERY)
    if len(untuned) != len(scores) or matched["ranks"].isna().any():
        counts = f"({len(untuned)}) than the tuned ones ({len(scores)})"
        raise ValueError(f"{case}: untuned scores hold other queries {counts}")
    return matched


def _records(
    scores: pd.DataFrame, untuned: pd.DataFrame | None, settings: EvaluateSettings, cell: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    sets, whole, options = settings.cases[cell["case"]].sets, cell["split"] != "test", settings.evaluation
    untuned_views = {} if untuned is None else dict(views(untuned, sets, whole))
    for view, part in views(scores, sets, whole):
        names = (settings.seed, *cell.values(), view)
        numbers = summarize(part, options, *names)
        if untuned is not None:
            numbers["versus_identity"] = compare(part, untuned_views[view], options, *names)
        yield {"view": view, "ranking": "method", **numbers}
        if untuned is None and (view == "all" or view.startswith("n = ")):
            yield {"view": view, "ranking": "random", **summarize(shuffled(part, *names), options, *names, "random")}


def views(scores: pd.DataFrame, sets: bool, whole: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each view of a cell that has queries, see above.

    Args:
        sets: whether the models of the case have different numbers of exemplars.
        whole: only the view `all`.
    """
    yield "all", scores
    ranks, sizes, hard, candidates = (scores["ranks"], scores["ranks"].map(len), scores["hard"], scores["candidates"])
    if whole:
        return
    if sets:
        yield from ((f"n = {size}", scores[sizes == size]) for size in sorted(sizes.unique()))
        return
    places = ranks.map(lambda row: np.argsort(np.argsort(row)) + 1)  # of true exemplars among each other
    # Two passes may round a score to either side of a tie: no easy rank may be better than the place.
    easy = [np.maximum(place, rank) for place, rank in zip(places, ranks - scores["hard_ahead"], strict=True)]
    parts = {
        "others": scores.assign(ranks=ranks + scores["others_ahead"], candidates=candidates + scores["others"]),
        "hard": scores.assign(ranks=places + scores["hard_ahead"], candidates=sizes + hard)[hard > 0],
        "easy": scores.assign(ranks=easy, candidates=candidates - hard)[hard > 0],
        "known": scores[~scores["new_artist"]],
        "new": scores[scores["new_artist"]],
        "twin-free": scores[~scores["seen_twin"]] if scores["seen_twin"].any() else scores.iloc[:0],
    }
    yield from ((view, part) for view, part in parts.items() if len(part))


def summarize(scores: pd.DataFrame, options: Evaluation, *seed: str | int) -> dict[str, Any]:
    """Recall@K with its ceiling, mAP, influence of the true exemplars and median rank of queries."""
    models, ranks, candidates = scores["model"], list(scores["ranks"]), scores["candidates"]
    values = {**_measures(ranks, options.recall_at), "true_influence": scores["true_influence"].to_numpy() / 100}
    means = intervals.mean_intervals(values, models, options.bootstrap, *seed)
    ceilings = {k: np.mean([retrieval.recall_ceiling(len(row), k) for row in ranks]) for k in options.recall_at}
    return {
        "n_models": models.nunique(),
        "n_queries": len(scores),
        "candidates": int(candidates.median()),
        "chance": {str(k): float(np.mean(np.minimum(1, k / candidates))) for k in options.recall_at},
        "recall": {str(k): means[f"recall@{k}"] | {"ceiling": float(ceiling)} for k, ceiling in ceilings.items()},
        "mAP": means["mAP"],
        "true_influence": means["true_influence"],
        "median_rank": intervals.median_interval(ranks, models, options.bootstrap, *seed, "median_rank"),
    }


def compare(scores: pd.DataFrame, untuned: pd.DataFrame, options: Evaluation, *seed: str | int) -> dict[str, Any]:
    """Tuned minus untuned on the same queries: difference, interval and p by paired bootstrap over models."""
    tuned, base = (_measures(list(table["ranks"]), options.recall_at) for table in (scores, untuned))
    differences = intervals.paired_differences(tuned, base, scores["model"], options.bootstrap, *seed)
    return {"recall": {str(k): differences[f"recall@{k}"] for k in options.recall_at}, "mAP": differences["mAP"]}


def shuffled(scores: pd.DataFrame, *seed: str | int) -> pd.DataFrame:
    """The same queries with their candidates in random order."""
    rng = np.random.default_rng(derive_seed(*seed, "random"))
    sizes = zip(scores["ranks"].map(len), scores["candidates"], strict=True)
    return scores.assign(ranks=[retrieval.random_ranks(m, candidates, rng) for m, candidates in sizes])


def reliability(scores: pd.DataFrame) -> list[dict[str, float]]:
    """Is influence calibrated? Mean given and true influence of the top candidates, by bins of given influence.

    The truth S gives each of a query's m true exemplars 100/m percent, and other candidates nothing.
    """
    given = np.concatenate(list(scores["top_influence"]))
    truth = [
        100 / len(row.ranks) if name.rpartition("/")[0] == row.model else 0.0
        for row in scores.itertuples()
        for name in row.top_ids
    ]
    true, bins = np.array(truth), np.digitize(given, INFLUENCE_BINS[1:-1])
    return [
        {"given": float(given[bins == i].mean()), "true": float(true[bins == i].mean()), "n": int(np.sum(bins == i))}
        for i in np.unique(bins)
    ]


def _measures(ranks: Sequence[np.ndarray], recall_at: Sequence[int]) -> dict[str, np.ndarray]:
    """Recall@k for each k, and AP, of each query."""
    recalls = {f"recall@{k}": np.array([retrieval.recall_at(row, k) for row in ranks]) for k in recall_at}
    lengths, precision = np.array([len(row) for row in ranks]), np.empty(len(ranks))
    for length in np.unique(lengths):  # queries with equally many true exemplars at once
        rows = np.flatnonzero(lengths == length)
        precision[rows] = retrieval.average_precision(np.stack([ranks[row] for row in rows]))
    return {**recalls, "mAP": precision}
