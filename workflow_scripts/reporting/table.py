"""One tidy table of all numbers: a row per head, cell, split and view, with every interval.

The views are those of `evaluation.cells`. A random ranking has rows of its own. A head without a result in a cell has
an empty row.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from workflow_scripts.study.study import UNTUNED

METHOD = ["method", "encoder", "head", "training_set"]
CELL = ["case", "prompt_set"]
RANDOM = {"method": "random", "encoder": "random", "head": "-", "training_set": "-"}
COUNTS = ["n_models", "n_queries", "candidates"]
MISSING = "missing"
SET_VIEW = "n = "  # views by number of exemplars
CLEARLY = 0.05  # p, and the rate of false discoveries
BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"  # of the column `mAP_change`
LACKING = "missing"  # a column of tables with cells that lack queries, as those of an incomplete release


def tabulate(metrics: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> pd.DataFrame:
    """Makes the table of the metrics of all heads.

    Args:
        metrics: one record per head, as step `evaluate` writes it.
        labels: `data` and `weights` of the study, which stand in every row.
    """
    rows = list(itertools.chain.from_iterable(map(_rows, metrics)))
    table = pd.DataFrame(rows).drop_duplicates([*METHOD, *CELL, "split", "view"])  # a cell has one random row
    table = pd.concat([table, _missing(table)], ignore_index=True)
    counts = counts_of(table)
    front = [*METHOD, "share", *CELL, "kind", "split", "view", *counts]
    table["mAP_change"] = changes(table)
    table = table.assign(**labels)[[*front, *labels, *(name for name in table.columns if name not in front)]]
    return table.astype(dict.fromkeys(counts, "Int64"))


def _rows(head: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for record in head["records"]:
        own = {name: head[name] for name in (*METHOD, "share")}
        names = own if record["ranking"] == "method" else RANDOM | {"share": None}
        cell = {name: record[name] for name in (*CELL, "kind", "split", "view")}
        yield {**names, **cell, **_numbers(record), **_gains(record)}


def _numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: record[name] for name in (*COUNTS, LACKING) if name in record}
    for k, recall in _by_k(record["recall"]):
        numbers |= _interval(f"recall@{k}", recall)
        numbers |= {f"recall@{k}_ceiling": recall["ceiling"], f"recall@{k}_chance": record["chance"][k]}
    for name in ("mAP", "median_rank"):
        numbers |= _interval(name, record[name])
    numbers["mAP_chance"] = record["chance"]["mAP"]
    if "divergence" in record:
        numbers["divergence"] = record["divergence"]["value"]
    return numbers | (_interval("true_influence", record["true_influence"]) if record["ranking"] == "method" else {})


def _gains(record: Mapping[str, Any]) -> dict[str, Any]:
    """Differences with interval and p.

    `{metric}_gain` is tuned minus untuned, `mAP_lack` what a share lacks to the whole, and `divergence_fall` how much
    nearer to the truth influence comes by fitting tau and lambda, compared with what needs no fit.
    """
    differences: dict[str, Any] = {}
    if versus := record.get("versus_identity"):
        differences |= {f"recall@{k}_gain": recall for k, recall in _by_k(versus["recall"])}
        differences["mAP_gain"] = versus["mAP"]
    if lacks := record.get("lacks_to_whole"):
        differences["mAP_lack"] = lacks["mAP"]
    if divergence := record.get("divergence"):
        differences["divergence_fall"] = divergence["fall"]
    numbers: dict[str, Any] = {}
    for name, difference in differences.items():
        numbers |= _interval(name, difference) | {f"{name}_p": difference["p"]}
    return numbers


def _by_k(recalls: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Recalls by their K, from the smallest on; JSON sorts the keys as texts."""
    return sorted(recalls.items(), key=lambda item: int(item[0]))


def _interval(name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record["value"], f"{name}_low": record["low"], f"{name}_high": record["high"]}


def _missing(table: pd.DataFrame) -> pd.DataFrame:
    """Empty rows for every head without a result in a cell that another head has."""
    whole = main_rows(table)
    heads, cells = whole[[*METHOD, "share"]].drop_duplicates(), whole[[*CELL, "kind"]].drop_duplicates()
    grid = heads.merge(cells, how="cross").merge(whole, how="left", on=[*METHOD, *CELL, "kind"], indicator=True)
    empty = grid.loc[grid["_merge"] == "left_only", [*METHOD, *CELL, "kind"]]
    return empty.assign(split="test", view="all")


def changes(rows: pd.DataFrame, gain: str = "mAP_gain") -> pd.Series:
    """What learning changes: the one rule of table, figures, verdicts and README. None in rows that compare nothing.

    `better` if mAP is higher by the paired test over models (p < 0.05) and its interval lies above chance, `worse` if
    it is lower by this test, else `undecided`.

    Args:
        gain: the column of the difference; that of its p has the same name with `_p`.
    """
    above = rows["mAP_low"].astype(float) > rows["mAP_chance"]
    named = clearly(rows, gain)
    return named.mask((named == BETTER) & ~above, UNDECIDED)


def clearly(rows: pd.DataFrame, difference: str) -> pd.Series:
    """Which differences the paired test finds above zero, `better`, or below, `worse`; see `changes`."""
    if difference not in rows:
        return pd.Series(None, rows.index, object)
    clear, values = rows[f"{difference}_p"].astype(float) < CLEARLY, rows[difference].astype(float)
    named = (
        pd.Series(UNDECIDED, rows.index, object).mask(clear & (values > 0), BETTER).mask(clear & (values < 0), WORSE)
    )
    return named.where(values.notna(), None)


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the paper's protocol: test queries, all of them, among all distractors."""
    return table[(table["split"] == "test") & (table["view"] == "all")]


def is_random(table: pd.DataFrame) -> pd.Series:
    """Which rows are of a random ranking."""
    return table["method"] == RANDOM["method"]


def set_cases(table: pd.DataFrame) -> set[str]:
    """The cases of growing sets."""
    return set(table.loc[table["view"].str.startswith(SET_VIEW), "case"])


def without_empty_gains(table: pd.DataFrame) -> pd.DataFrame:
    """The table without the columns of gains, or of what a share lacks, if nothing in it was so compared."""
    for kind in ("_gain", "_lack", "_change"):
        names = [name for name in table.columns if kind in name]
        table = table.drop(columns=names) if table[names].isna().all(axis=None) else table
    return table


def counts_of(table: pd.DataFrame) -> list[str]:
    """The table's columns of counts."""
    return [name for name in (*COUNTS, LACKING) if name in table]


def metrics_of(table: pd.DataFrame) -> list[str]:
    """The table's metrics: `recall@1`, ..., `mAP`."""
    return [name for name in table.columns if name == "mAP" or re.fullmatch(r"recall@\d+", name)]


def percent(row: Mapping[str, Any], metric: str) -> tuple[str, str]:
    """A share in percent, and its interval; `missing` and an empty text if there is none."""
    value, low, high = row[metric], row[f"{metric}_low"], row[f"{metric}_high"]
    if pd.isna(value):
        return MISSING, ""
    return f"{100 * value:.1f}", "" if pd.isna(low) else f"{100 * low:.1f} to {100 * high:.1f}"


def number(value: Any) -> str:
    """A count or rank with thousands separated; `missing` if there is none."""
    return MISSING if pd.isna(value) else f"{value:,.0f}"


def markdown(table: pd.DataFrame) -> str:
    """The main rows in percent, with intervals and ceilings below 100; bold are the gains of `changes`."""
    metrics = metrics_of(table)
    lacking = [name for name in counts_of(table) if name not in COUNTS]
    head = ["case", "prompts", *METHOD[:-1], "trained on", "models", "queries", "candidates", *lacking]
    lines = [[*head, *(f"{metric} %" for metric in metrics), "median rank", "gain in mAP", "p", "data", "weights"]]
    lines.append(["---"] * len(lines[0]))
    for row in ordered(main_rows(table)).to_dict("records"):
        spans = [percent(row, metric) for metric in metrics]
        shares = [f"{value} ({span})" if span else value for value, span in spans]
        names = [row[name] for name in (*CELL, *METHOD)]
        counts = [number(row[name]) for name in COUNTS]
        counts += ["" if pd.isna(row[name]) else number(row[name]) for name in lacking]
        points, p = gain(row)
        gained = [bold(points, row), p, row["data"], row["weights"]]
        lines.append([*names, *counts, *shares, number(row["median_rank"]), *gained])
        if row["method"] == RANDOM["method"] and any(_ceiling(row, metric) < 1 for metric in metrics):
            best = [f"{100 * _ceiling(row, metric):.1f}" for metric in metrics]
            names = [*names[: len(CELL)], "ceiling", *["-"] * (len(METHOD) - 1)]
            lines.append([*names, *counts, *best, "", "", "", row["data"], row["weights"]])
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _ceiling(row: Mapping[str, Any], metric: str) -> float:
    """The best that a metric can be; of Recall@K less than 1 where models have more than K exemplars."""
    return row.get(f"{metric}_ceiling", 1.0)


def gain(row: Mapping[str, Any]) -> tuple[str, str]:
    """The gain in mAP by tuning, in percentage points, and its p; empty for rows without an untuned counterpart."""
    if pd.isna(row.get("mAP_gain")):
        return "", ""
    p = row["mAP_gain_p"]
    return f"{100 * row['mAP_gain']:+.1f}", "" if pd.isna(p) else f"{p:.2g}"


def bold(text: str, row: Mapping[str, Any]) -> str:
    """A text of a Markdown table, bold if the row is better than the untuned features; see `changes`."""
    return f"**{text}**" if row.get("mAP_change") == BETTER else text


def ordered(table: pd.DataFrame) -> pd.DataFrame:
    """Cells in the order of the table; within a cell random first, then by encoder, untuned before tuned."""
    places = table.groupby(CELL, sort=False).ngroup()
    keys = {"_cell": places, "_random": ~is_random(table), "_tuned": table["head"] != UNTUNED}
    by = ["_cell", "_random", "method", "encoder", "_tuned", "head", "training_set"]
    return table.assign(**keys).sort_values(by, kind="stable", ignore_index=True).drop(columns=list(keys))
