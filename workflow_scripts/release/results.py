"""The authors' tables of results, as rows of our `table.csv`.

A row of `results/table_{case}.csv` is an encoder with its tuned maps; its columns are `{synth}-recall@{k}` and
`{synth}-mAP`, shares from 0 to 1.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.release.entries import CASE, PROMPT_SET

ENCODER = {
    "clip": "clip_vit_b32",
    "dino": "dino_vitb16",
    "moco": "moco_v3_vitb",
    "vit": "vit_b16_384",
    "sscd": "sscd",
}  # theirs, ours
METRIC = re.compile(rf"({'|'.join(PROMPT_SET)})-(recall@\d+|mAP)")
LABELS = {"method": "feature_similarity", "training_set": "released", "data": "released AbC", "weights": "released AbC"}
TUNED = "_tuned"


def read_results(files: Sequence[Path]) -> pd.DataFrame:
    """The rows of several tables, without counts and intervals; raises `ValueError` if a table has other columns."""
    return pd.DataFrame([row for file in files for row in _rows(file)])


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    theirs = file.stem.removeprefix("table_")
    case = {value: key for key, value in CASE.items()}.get(theirs, theirs)
    table = artifacts.read_csv(file)
    for column in ("name", "feature"):
        if column not in table:
            raise ValueError(f"{file}: lacks column {column!r}; it has {', '.join(table.columns)}")
    metrics = {column: match for column in table.columns if (match := METRIC.fullmatch(column))}
    if not metrics:
        raise ValueError(f"{file}: has no column such as gpt-recall@10; it has {', '.join(table.columns)}")
    for record in table.to_dict("records"):
        if record["feature"] not in ENCODER:
            raise ValueError(f"{file}: feature: {record['feature']!r}; expected {', '.join(ENCODER)}")
        head = "linear" if record["name"].endswith(TUNED) else "identity"
        names = {**LABELS, "encoder": ENCODER[record["feature"]], "head": head, "case": case}
        for theirs_set in dict.fromkeys(match[1] for match in metrics.values()):
            numbers = {match[2]: record[column] for column, match in metrics.items() if match[1] == theirs_set}
            yield {**names, "prompt_set": PROMPT_SET[theirs_set], "split": "test", "view": "all", **numbers}
