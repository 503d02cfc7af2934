"""The size of a study: models, exemplars, prompts and samples of each case and split, as in the paper's tables."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.study.settings.report import DatasetTableSettings
from workflow_scripts.study.study import PROMPT_SETS

MISSING = "-"
SAMPLES = [f"{name}_samples" for name in PROMPT_SETS]
ADDED = ["models", "exemplars", *SAMPLES]  # but not prompts, which cases share
CLASSES = "classes"
COUNTS = [CLASSES, "models", "exemplars", *(f"{name}_prompts" for name in PROMPT_SETS), *SAMPLES]
# The paper's rows, in its order.
ROWS = {CLASSES: "object classes", "models": "models", "exemplars": "exemplar images"}
ROWS |= {name: name.replace("_", " ") for name in ("images_per_model", *COUNTS[3:], "total_samples")}


def count_exemplars(files: Iterable[Path]) -> dict[str, pd.Series]:
    """The number of exemplars by case and split, from the parquet files of cases."""
    return {file.stem: artifacts.read_table(file, ["split"])["split"].value_counts() for file in files}


def tabulate(settings: DatasetTableSettings, exemplars: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """A row per case and split: kind, case, split and COUNTS.

    Args:
        exemplars: number of exemplars by case and split; if it is missing, the number that the study expects, if any.
    """
    rows = []
    for row in settings.rows:
        counts: dict[str, int | None] = {"exemplars": exemplars.get(row.case, {}).get(row.split, row.exemplars)}
        for name, prompts in row.prompts.items():
            counts[f"{name}_prompts"] = prompts
            counts[f"{name}_samples"] = row.models * prompts * settings.samples_per_prompt
        rows.append(vars(row) | counts)
    return pd.DataFrame(rows)[["kind", "case", "split", *COUNTS]].astype({CLASSES: "Int64", "exemplars": "Int64"})


def paper_layout(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table as the paper's two: one for each kind, a column for each case and split and one for all of them.

    Returns:
        Parts, each with `title`, `headings` of its columns, and `rows` with `name` and `cells` of text.
    """
    parts = [_part(f"{kind.capitalize()}s", rows) for kind, rows in table.groupby("kind", sort=False)]
    return [*parts, _totals(table)]


def _part(title: str, table: pd.DataFrame) -> dict[str, Any]:
    total = _sum(table)
    table = table.assign(
        images_per_model=table["exemplars"] / table["models"], total_samples=table[SAMPLES].sum(axis=1, skipna=False)
    )
    rows = [
        {"name": label, "cells": [*(_text(value) for value in table[name]), _text(total.get(name))]}
        for name, label in ROWS.items()
        if name != CLASSES or table[name].notna().any()  # styles have none
    ]
    headings = [f"{case}, {split}" for case, split in zip(table["case"], table["split"], strict=True)]
    return {"title": title, "headings": [*headings, "all"], "rows": rows}


def _totals(table: pd.DataFrame) -> dict[str, Any]:
    """The sums of the whole study, and of its test split, which is evaluated."""
    columns = {"all": _sum(table), "test alone": _sum(table[table["split"] == "test"])}
    rows = [
        {"name": ROWS[name], "cells": [_text(total[name]) for total in columns.values()]}
        for name in (*ADDED, "total_samples")
    ]
    return {"title": "In all", "headings": list(columns), "rows": rows}


def _sum(table: pd.DataFrame) -> dict[str, float | None]:
    """Sums of the counts that can be added; a sum with an unknown count is unknown."""
    sums = {name: table[name].sum(skipna=False) for name in ADDED}
    sums["total_samples"] = sum(sums[name] for name in SAMPLES)
    # The splits of a case have the same classes; cases share none.
    sums[CLASSES] = table.groupby("case")[CLASSES].max().sum(skipna=False)
    return sums | {"images_per_model": sums["exemplars"] / sums["models"]}


def _text(value: Any) -> str:
    """Thousands separated; an average to two decimals, unless it is whole."""
    if pd.isna(value):
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
