"""One tidy table of all cells: a row per cell, method, encoder, head and group of artists, with every interval.

A group of artists is `all`, or the exemplars by artists that the base model has seen (`known`) or never seen (`new`).
A random ranking has rows of its own. A combination without a result keeps its row, with nothing in it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

METHOD = ["method", "encoder", "head", "training_set"]
CELL = ["case", "prompt_set"]
RANDOM = {"method": "random", "encoder": "random", "head": "-", "training_set": "-"}
MISSING = "missing"


def tabulate(metrics: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> pd.DataFrame:
    """Makes the table of the metrics of all cells.

    Args:
        metrics: one record per cell, as step `evaluate` writes it.
        labels: `data` and `weights` that the study used, said in every row.
    """
    rows = list(itertools.chain.from_iterable(map(_rows, metrics)))
    table = pd.DataFrame(rows).drop_duplicates([*METHOD, *CELL, "artists"])  # a cell has one random row
    table = pd.concat([table, _missing(table)], ignore_index=True)
    front = [*METHOD, *CELL, "kind", "artists", "n_models", "n_queries", "candidates"]
    table = table.assign(**labels)[[*front, *labels, *(name for name in table.columns if name not in front)]]
    counts = ["n_models", "n_queries", "candidates"]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _rows(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    cell = {name: record[name] for name in (*CELL, "kind")}
    method = {name: record[name] for name in METHOD}
    influence = _interval("true_influence", record["true_influence"])
    yield {**method, **cell, "artists": "all", **_numbers(record), **influence, **_gains(record["versus_identity"])}
    for artists, numbers in record["artists"].items():
        yield {**method, **cell, "artists": artists, **_numbers(numbers)}
    yield {**RANDOM, **cell, "artists": "all", **_numbers(record["random"])}


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: record[name] for name in ("n_models", "n_queries", "candidates")}
    for k, recall in record["recall"].items():
        numbers |= _interval(f"recall@{k}", recall) | {f"recall@{k}_ceiling": recall["ceiling"]}
    return numbers | _interval("mAP", record["mAP"]) | _interval("median_rank", record["median_rank"])


def _gains(versus: Mapping[str, Any] | None) -> dict[str, Any]:
    """Tuned minus untuned, as columns `{metric}_gain`, with interval and p."""
    if versus is None:
        return {}
    gains = {f"recall@{k}_gain": recall for k, recall in versus["recall"].items()} | {"mAP_gain": versus["mAP"]}
    return {
        name: value
        for metric, gain in gains.items()
        for name, value in (_interval(metric, gain) | {f"{metric}_p": gain["p"]}).items()
    }


def _interval(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record["value"], f"{name}_low": record["low"], f"{name}_high": record["high"]}


def _missing(table: pd.DataFrame) -> pd.DataFrame:
    """Empty rows for every method without a result in a cell that another method has."""
    whole = table[table["artists"] == "all"]
    methods, cells = whole[METHOD].drop_duplicates(), whole[[*CELL, "kind"]].drop_duplicates()
    grid = methods.merge(cells, how="cross").merge(whole, how="left", on=[*METHOD, *CELL, "kind"], indicator=True)
    return grid.loc[grid["_merge"] == "left_only", [*METHOD, *CELL, "kind"]].assign(artists="all")


def metrics_of(table: pd.DataFrame) -> list[str]:
    """The metrics that the table holds: `recall@1`, ..., `mAP`."""
    return [name for name in table.columns if name == "mAP" or re.fullmatch(r"recall@\d+", name)]


def percent(row: Mapping[str, Any], metric: str) -> tuple[str, str]:
    """A share as percent, and its interval; `missing` and nothing if there is none."""
    value, low, high = row[metric], row[f"{metric}_low"], row[f"{metric}_high"]
    if pd.isna(value):
        return MISSING, ""
    return f"{100 * value:.1f}", "" if pd.isna(low) else f"{100 * low:.1f} to {100 * high:.1f}"


def number(value: Any) -> str:
    """A count or rank with thousands separated; `missing` if there is none."""
    return MISSING if pd.isna(value) else f"{value:,.0f}"


def markdown(table: pd.DataFrame) -> str:
    """The rows of all artists as a Markdown table, in percent, with intervals."""
    metrics = metrics_of(table)
    head = ["case", "prompts", "encoder", "head", "trained on", "models", "queries", "candidates"]
    lines = [[*head, *(f"{metric} %" for metric in metrics), "median rank", "gain in mAP", "p", "data", "weights"]]
    lines.append(["---"] * len(lines[0]))
    for row in ordered(table[table["artists"] == "all"]).to_dict("records"):
        shares = [" ".join(filter(None, [value, span and f"({span})"])) for value, span in map(_of(row), metrics)]
        names = [row[name] for name in (*CELL, "encoder", "head", "training_set")]
        counts = [number(row[name]) for name in ("n_models", "n_queries", "candidates")]
        lines.append([*names, *counts, *shares, number(row["median_rank"]), *gain(row), row["data"], row["weights"]])
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _of(row: Mapping[str, Any]) -> Any:
    return lambda metric: percent(row, metric)


def gain(row: Mapping[str, Any]) -> tuple[str, str]:
    """What tuning adds to mAP, in points of percent, and its p; empty for rows that have no untuned counterpart."""
    if pd.isna(row.get("mAP_gain")):
        return "", ""
    p = row["mAP_gain_p"]
    return f"{100 * row['mAP_gain']:+.1f}", "" if pd.isna(p) else f"{p:.2g}"


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Cells in the order of the table; within a cell random first, then by encoder, untuned before tuned."""
    place = {cell: i for i, cell in enumerate(dict.fromkeys(zip(table["case"], table["prompt_set"], strict=True)))}
    keys = {
        "_cell": [place[cell] for cell in zip(table["case"], table["prompt_set"], strict=True)],
        "_random": table["method"] != RANDOM["method"],
        "_tuned": table["head"] != "identity",
    }
    by = ["_cell", "_random", "method", "encoder", "_tuned", "head", "training_set"]
    return table.assign(**keys).sort_values(by, kind="stable", ignore_index=True).drop(columns=list(keys))
