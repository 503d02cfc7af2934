"""The numbers of a fitted head in every cell, a case and prompt set (paper section 5).

Every number is a mean over queries with a 95 % interval over models. A learned head also has the paired difference to
the untuned features, and one that is learned on a share of the models what it lacks to the head that is learned on all.
Untuned features also have the numbers of a random ranking; these are expectations, and exact.

A cell has several views, each of some queries or some candidates:

    all           the paper's: all distractors and the query's own exemplars
    others        stricter: the exemplars of all other models are candidates too
    hard, easy    only distractors of the exemplar's own class, or only those of other classes
    known, new    exemplars of artists of whom the base model has seen other drawings, or has seen none
    twin-free     exemplars of which neither the base model nor a head has seen a near-duplicate
                  (these three are of those of which it is known)
    n = 5         models that were tuned on five exemplars
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.evaluation import intervals, retrieval
from workflow_scripts.study.settings.evaluation import EvaluateSettings, Evaluation

QUERY = ["split", "prompt_set", "model", "prompt_index", "index"]  # identify a query of a case
COLUMNS = [
    *QUERY,
    *("new_artist", "seen_twin", "ranks", "candidates", "hard", "hard_ahead", "others", "others_ahead"),
    *("top_ids", "top_influence", "true_influence", "divergence", "unfitted_divergence"),
]
INFLUENCE_BINS = (0.0, 0.1, 1.0, 3.0, 10.0, 30.0, 60.0, 100.0)  # percent


def read_scores(files: Sequence[Path], expect: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    """The scores of each case, whose name is that of its file; raises `ValueError` if a file has other settings."""
    return {file.stem: artifacts.read_table(file, COLUMNS, {**expect, "case": file.stem}) for file in files}


def evaluate(
    scores: Mapping[str, pd.DataFrame],
    untuned: Mapping[str, pd.DataFrame] | None,
    settings: EvaluateSettings,
    whole: Mapping[str, pd.DataFrame] | None = None,
) -> dict[str, Any]:
    """All numbers of a head.

    Args:
        scores: by case, one row per query, as step `attribute` writes it.
        untuned: the same queries under the identity head; None where `scores` are untuned themselves.
        whole: the same queries under the head that is learned on all train models, of one that is learned on a share.

    Returns:
        `records`, one per case, prompt set, split and view, and `reliability` by case and prompt set.

    Raises:
        ValueError: `untuned` or `whole` does not hold the same queries.
    """
    records, reliable = [], []
    others = {name: tables for name, tables in {"untuned": untuned, "whole": whole}.items() if tables is not None}
    for case, table in scores.items():
        about = {"case": case, "kind": settings.cases[case].kind}
        matched = {name: _matched(tables[case], table, f"{case}: {name}") for name, tables in others.items()}
        for (split, prompt_set), rows in table.groupby(["split", "prompt_set"], sort=False).indices.items():
            cell = {**about, "split": split, "prompt_set": prompt_set}
            part = table.iloc[rows]
            same = {name: other.iloc[rows] for name, other in matched.items()}
            for record in _records(part, same, settings, cell):
                records.append({**cell, **record, **_missing(record, cell, settings)})
            if split == "test":
                reliable += [{**about, "prompt_set": prompt_set, **point} for point in reliability(part)]
    return {"records": records, "reliability": reliable}


def _missing(record: Mapping[str, Any], cell: Mapping[str, str], settings: EvaluateSettings) -> dict[str, int]:
    """`missing`, the number of queries of a whole cell that a release lacks; nothing if it is complete."""
    expected = (settings.cases[cell["case"]].expected or {}).get(cell["prompt_set"], 0)
    lacking = expected - record["n_queries"] if record["view"] == "all" else 0
    return {"missing": lacking} if lacking > 0 else {}


def _matched(others: pd.DataFrame, scores: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of other scores in the order of `scores`."""
    matched = scores[QUERY].merge(others, how="left", on=QUERY)
    if len(others) != len(scores) or matched["ranks"].isna().any():
        raise ValueError(f"{name} scores hold other queries ({len(others)}) than the tuned ones ({len(scores)})")
    return matched


def _records(
    scores: pd.DataFrame, others: Mapping[str, pd.DataFrame], settings: EvaluateSettings, cell: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    sets, only_all, options = settings.cases[cell["case"]].sets, cell["split"] != "test", settings.evaluation
    same = {name: dict(views(table, sets, only_all)) for name, table in others.items()}
    for view, part in views(scores, sets, only_all):
        names, models = (settings.seed, *cell.values(), view), part["model"]
        own = measures(part, options)
        numbers = summarize(part, own, options, *names)
        if "untuned" in same:
            untuned = measures(same["untuned"][view], options)
            numbers["versus_identity"] = compare(own, untuned, models, options, *names)
        if "whole" in same:
            whole = measures(same["whole"][view], options)
            numbers["lacks_to_whole"] = compare(whole, own, models, options, *names)
        if view == "all":
            numbers["divergence"] = calibrated(part, options, *names)
        yield {"view": view, "ranking": "method", **numbers}
        if not same and (view == "all" or view.startswith("n = ")):
            yield {"view": view, "ranking": "random", **at_random(part, options)}


def views(scores: pd.DataFrame, sets: bool, only_all: bool) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each view of a cell that has queries, see above.

    Args:
        sets: whether the models of the case have different numbers of exemplars.
        only_all: only the view `all`.
    """
    yield "all", scores
    ranks, sizes, hard, candidates = (scores["ranks"], scores["ranks"].map(len), scores["hard"], scores["candidates"])
    if only_all:
        return
    if sets:
        yield from ((f"n = {size}", scores[sizes == size]) for size in sorted(sizes.unique()))
        return
    new, seen = scores["new_artist"].astype("boolean"), scores["seen_twin"].astype("boolean")
    places = ranks.map(lambda row: np.argsort(np.argsort(row)) + 1)  # of true exemplars among each other
    # Two passes may round a score to either side of a tie: no easy rank may be better than the place.
    easy = [np.maximum(place, rank) for place, rank in zip(places, ranks - scores["hard_ahead"], strict=True)]
    parts = {
        "others": scores.assign(ranks=ranks + scores["others_ahead"], candidates=candidates + scores["others"]),
        "hard": scores.assign(ranks=places + scores["hard_ahead"], candidates=sizes + hard)[hard > 0],
        "easy": scores.assign(ranks=easy, candidates=candidates - hard)[hard > 0],
        "known": scores[new.eq(False)],  # what is null is neither
        "new": scores[new.eq(True)],
        "twin-free": scores[seen.eq(False)] if seen.any() else scores.iloc[:0],
    }
    yield from ((view, part) for view, part in parts.items() if len(part))


def summarize(
    scores: pd.DataFrame, measured: Mapping[str, np.ndarray], options: Evaluation, *seed: str | int
) -> dict[str, Any]:
    """Recall@K with its ceiling, mAP, influence of the true exemplars and median rank of queries."""
    models, values = scores["model"], {**measured, "true_influence": scores["true_influence"].to_numpy() / 100}
    means = intervals.mean_intervals(values, models, options.bootstrap, *seed)
    ranks = list(scores["ranks"])
    return {
        **_about(scores, options, means),
        "true_influence": means["true_influence"],
        "median_rank": intervals.median_interval(ranks, models, options.bootstrap, *seed, "median_rank"),
    }


def calibrated(scores: pd.DataFrame, options: Evaluation, *seed: str | int) -> dict[str, Any]:
    """The mean divergence of influence from the truth, and by how much it falls when tau and lambda are fitted.

    It falls from what needs no fit, for each query the nearer one to the truth: tau = 1 and lambda = 0, or the same
    influence for all N candidates, which is ln(N / m) nats away from m true exemplars.
    """
    fitted = scores["divergence"].to_numpy()
    uniform = np.log(scores["candidates"] / scores["ranks"].map(len))
    before = np.minimum(scores["unfitted_divergence"], uniform).to_numpy()
    falls = intervals.paired_differences(
        {"divergence": before}, {"divergence": fitted}, scores["model"], options.bootstrap, *seed, "divergence"
    )
    return {"value": float(fitted.mean()), "fall": falls["divergence"]}


def at_random(scores: pd.DataFrame, options: Evaluation) -> dict[str, Any]:
    """What a random order of the candidates of the same queries is expected to give. It has no intervals."""
    means = {name: np.mean(values) for name, values in _chance(scores, options).items()}
    middle = np.median((scores["candidates"] + 1) / 2)
    exact = {name: {"value": float(value), "low": None, "high": None} for name, value in means.items()}
    return _about(scores, options, exact) | {"median_rank": {"value": float(middle), "low": None, "high": None}}


def _chance(scores: pd.DataFrame, options: Evaluation) -> dict[str, np.ndarray]:
    """What a random order is expected to give for `measures`, of each query."""
    sizes, candidates = scores["ranks"].map(len).to_numpy(), scores["candidates"].to_numpy()
    recalls = {f"recall@{k}": retrieval.chance_recall(candidates, k) for k in options.recall_at}
    return {**recalls, "mAP": retrieval.chance_precision(sizes, candidates)}


def _about(scores: pd.DataFrame, options: Evaluation, means: Mapping[str, intervals.Interval]) -> dict[str, Any]:
    """What the numbers are about, and `recall@K` and `mAP` of some means as they are written."""
    sizes, chance = scores["ranks"].map(len), _chance(scores, options)
    ceilings = {k: np.mean([retrieval.recall_ceiling(m, k) for m in sizes]) for k in options.recall_at}
    return {
        "n_models": scores["model"].nunique(),
        "n_queries": len(scores),
        "candidates": int(scores["candidates"].median()),
        "chance": {name.removeprefix("recall@"): float(np.mean(each)) for name, each in chance.items()},
        "recall": {str(k): means[f"recall@{k}"] | {"ceiling": float(ceiling)} for k, ceiling in ceilings.items()},
        "mAP": means["mAP"],
    }


def compare(
    own: Mapping[str, np.ndarray],
    other: Mapping[str, np.ndarray],
    models: Sequence[str],
    options: Evaluation,
    *seed: str | int,
) -> dict[str, Any]:
    """How much measures exceed others of the same queries: difference, interval and p of a paired test over models."""
    differences = intervals.paired_differences(own, other, models, options.bootstrap, *seed)
    return {"recall": {str(k): differences[f"recall@{k}"] for k in options.recall_at}, "mAP": differences["mAP"]}


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


def measures(scores: pd.DataFrame, options: Evaluation) -> dict[str, np.ndarray]:
    """Recall@k for each k, and AP, of each query."""
    ranks = list(scores["ranks"])
    recalls = {f"recall@{k}": np.array([retrieval.recall_at(row, k) for row in ranks]) for k in options.recall_at}
    lengths, precision = np.array([len(row) for row in ranks]), np.empty(len(ranks))
    for length in np.unique(lengths):  # queries with equally many true exemplars at once
        rows = np.flatnonzero(lengths == length)
        precision[rows] = retrieval.average_precision(np.stack([ranks[row] for row in rows]))
    return {**recalls, "mAP": precision}
