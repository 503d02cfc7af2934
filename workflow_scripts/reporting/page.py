"""Rows of the report's tables, as the page shows them: per cell the text, a note, and what to sort by."""

from typing import Any

import pandas as pd

from workflow_scripts.reporting.questions import QUESTIONS, Question
from workflow_scripts.reporting.table import (
    CELL,
    COUNTS,
    LACKING,
    METHOD,
    MISSING,
    RANDOM,
    gain,
    metrics_of,
    number,
    percent,
)


def sections(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Each question that the table can answer, with headings and rows of its part of the table."""
    return [_section(question, rows) for question in QUESTIONS if len(rows := question.rows(table))]


def _section(question: Question, rows: pd.DataFrame) -> dict[str, Any]:
    metrics, gains = metrics_of(rows), "mAP_gain" in rows
    names = [*CELL, "encoder", "head", *question.names]
    numbers = [*(f"{metric.replace('recall', 'Recall')}, %" for metric in metrics), *["Gain in mAP"] * gains]
    return {
        "name": question.name,
        "title": question.title,
        "text": question.text,
        "headings": [*map(_heading, names)],
        "numbers": [*numbers, "Median rank", "Influence on the truth, %", *map(_heading, _counts(rows))],
        "rows": [_row(row, names, metrics, gains, _counts(rows)) for row in rows.to_dict("records")],
    }


def _heading(name: str) -> str:
    known = {"prompt_set": "Prompts", "n_models": "Models", "n_queries": "Queries", "training_set": "Trained on"}
    return known.get(name, name.replace("_", " ").capitalize())


def _counts(rows: pd.DataFrame) -> list[str]:
    return [*COUNTS, *([LACKING] if LACKING in rows else [])]


def _row(row: dict[str, Any], names: list[str], metrics: list[str], gains: bool, counts: list[str]) -> dict[str, Any]:
    return {
        "names": [_name(row[name]) for name in names],
        "random": row["method"] == RANDOM["method"],
        "numbers": [
            *(_share(row, metric) for metric in metrics),
            *[_gain(row)] * gains,
            _cell(number(row["median_rank"]), _span(row), row["median_rank"]),
            _influence(row),
            *(
                _cell("" if name == LACKING and pd.isna(row[name]) else number(row[name]), "", row[name])
                for name in counts
            ),
        ],
        "labels": [row["data"], row["weights"]],
    }


def calibration_rows(calibrations: pd.DataFrame) -> list[dict[str, Any]]:
    """A row per fitted head: tau, lambda, and the divergence before and after the fit."""
    numbers = ("tau", "lambda", "kl_before", "kl_after")
    return [
        {
            "names": [row[name] for name in METHOD[1:]],
            "random": False,
            "numbers": [
                *(_cell(_decimals(row[name]), "", row[name]) for name in numbers),
                _cell(number(row["n"]), "", row["n"]),
            ],
            "labels": [row["data"], row["weights"]],
        }
        for row in calibrations.to_dict("records")
    ]


def _count(value: Any, name: str) -> str:
    return "" if name == LACKING and pd.isna(value) else number(value)


def _decimals(value: float) -> str:
    return MISSING if pd.isna(value) else f"{value:.4f}"


def _name(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:.0%}" if isinstance(value, float) else str(value)


def _share(row: dict[str, Any], metric: str) -> dict[str, Any]:
    """A metric with its interval, and its ceiling where that is not 100 %."""
    text, span = percent(row, metric)
    ceiling = row.get(f"{metric}_ceiling", 1.0)
    known = not pd.isna(row[metric]) and ceiling < 1
    return _cell(text, ", ".join(filter(None, [span, known and f"ceiling {100 * ceiling:.1f}"])), row[metric])


def _cell(text: str, note: str, value: Any) -> dict[str, Any]:
    return {"text": text, "note": note, "sort": "" if pd.isna(value) else float(value)}


def _span(row: dict[str, Any]) -> str:
    low, high = row["median_rank_low"], row["median_rank_high"]
    return "" if pd.isna(low) else f"{number(low)} to {number(high)}"


def _influence(row: dict[str, Any]) -> dict[str, Any]:
    """The influence given to the true exemplars; a random ranking has none."""
    if row["method"] == RANDOM["method"]:
        return _cell("", "", None)
    return _cell(*percent(row, "true_influence"), row["true_influence"])


def _gain(row: dict[str, Any]) -> dict[str, Any]:
    points, p = gain(row)
    _, span = percent(row, "mAP_gain") if points else ("", "")
    return _cell(points, ", ".join(filter(None, [span, p and f"p = {p}"])), row.get("mAP_gain"))
