"""The questions as the front page shows them: figures with captions, and tables.

A cell of a table has a text, a note, a value to sort by, and whether it is a clear gain.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import pandas as pd

from workflow_scripts import reporting
from workflow_scripts.reporting import table
from workflow_scripts.reporting.results import Results

Row = Mapping[str, Any]
Cell = dict[str, Any]
Columns = dict[str, Callable[[Row], Cell]]  # by heading


def sections(results: Results, figures: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each question that the study can answer: name, title, text, figure and table or None; `figures` are SVG."""
    made = [_section(name, reporting.question(name), results, figures.get(name)) for name in reporting.QUESTIONS]
    return [section for section in made if section["table"] or section["figure"]]


def _section(name: str, question: ModuleType, results: Results, svg: str | None) -> dict[str, Any]:
    about = {"name": name, "title": question.TITLE, "text": question.TEXT, "figure": None, "table": None}
    if name in reporting.TABLES:
        rows = table.without_empty_gains(question.rows(results))
        if rows.empty:
            return about
        made = getattr(question, "columns", columns)(rows)
        about["table"] = _table(rows, [*table.CELL, *table.METHOD[:-1], *question.NAMES], made)
    if svg and (caption := question.caption(results.of(results.shown.method))):
        about["figure"] = {"svg": svg, "caption": caption}
    return about


def _table(rows: pd.DataFrame, names: list[str], numbers: Columns) -> dict[str, Any]:
    names = [name for name in names if name in rows]
    return {
        "headings": [*map(_heading, names)],
        "numbers": list(numbers),
        "rows": [
            {
                "names": [_name(row[name]) for name in names],
                "random": row.get("method") == table.RANDOM["method"],
                "numbers": [make(row) for make in numbers.values()],
                "labels": [row["data"], row["weights"]],
            }
            for row in rows.to_dict("records")
        ],
    }


def _heading(name: str) -> str:
    known = {"prompt_set": "Prompts", "n_models": "Models", "n_queries": "Queries", "training_set": "Trained on"}
    return known.get(name, name.replace("_", " ").capitalize())


def _name(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:.0%}" if isinstance(value, float) else str(value)


def columns(rows: pd.DataFrame) -> Columns:
    """The numbers of a table of ranks: every metric, gains if there are any, and counts."""
    return {
        **{f"{metric.replace('recall', 'Recall')}, %": _share(metric) for metric in table.metrics_of(rows)},
        **({"Gain in mAP": _gain} if "mAP_gain" in rows else {}),
        "Median rank": _median_rank,
        "Influence on the truth, %": _influence,
        **{_heading(name): count(name) for name in table.counts_of(rows)},
    }


def count(name: str) -> Callable[[Row], Cell]:
    """A column of counts; empty if a cell lacks no queries."""
    return lambda row: _cell(
        "" if name == table.LACKING and pd.isna(row[name]) else table.number(row[name]), "", row[name]
    )


def decimals(name: str) -> Callable[[Row], Cell]:
    """A column of numbers with four decimals."""
    return lambda row: _cell(table.MISSING if pd.isna(row[name]) else f"{row[name]:.4f}", "", row[name])


def _share(metric: str) -> Callable[[Row], Cell]:
    """A metric with its interval, and its ceiling if that is below 100 %."""

    def make(row: Row) -> Cell:
        text, span = table.percent(row, metric)
        ceiling = row.get(f"{metric}_ceiling", 1.0)
        known = not pd.isna(row[metric]) and ceiling < 1
        return _cell(text, ", ".join(filter(None, [span, known and f"ceiling {100 * ceiling:.1f}"])), row[metric])

    return make


def _median_rank(row: Row) -> Cell:
    rank, low, high = (row[f"median_rank{end}"] for end in ("", "_low", "_high"))
    return _cell(table.number(rank), "" if pd.isna(low) else f"{table.number(low)} to {table.number(high)}", rank)


def _influence(row: Row) -> Cell:
    """The influence given to the true exemplars; a random ranking gives none."""
    random = row["method"] == table.RANDOM["method"]
    return _cell("", "", None) if random else _cell(*table.percent(row, "true_influence"), row["true_influence"])


def _gain(row: Row) -> Cell:
    points, p = table.gain(row)
    _, span = table.percent(row, "mAP_gain") if points else ("", "")
    note = ", ".join(filter(None, [span, p and f"p = {p}"]))
    return _cell(points, note, row.get("mAP_gain")) | {"clear": row.get("mAP_change") == table.BETTER}


def _cell(text: str, note: str, value: Any) -> Cell:
    return {"text": text, "note": note, "sort": "" if pd.isna(value) else float(value), "clear": False}
