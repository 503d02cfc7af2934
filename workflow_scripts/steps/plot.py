"""Draws the report's figures as SVG, one for each question that has a figure."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli, reporting
from workflow_scripts.reporting.results import Results
from workflow_scripts.reporting.table import METHOD
from workflow_scripts.study.settings.report import ReportSettings


def read_points(metrics: Sequence[Path]) -> pd.DataFrame:
    """The reliability of every head: a row per bin of a cell."""
    records = map(artifacts.read_json, metrics)
    return pd.DataFrame(
        {name: head[name] for name in METHOD} | point for head in records for point in head["reliability"]
    )


def read_histories(files: Sequence[Path]) -> dict[str, pd.DataFrame]:
    """`heads/{encoder}/{head}/{training_set}.history.csv` by encoder, if the head was trained."""
    tables = {file.parent.parent.name: artifacts.read_csv(file) for file in files}
    return {encoder: table for encoder, table in tables.items() if len(table) > 1}


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="JSON files of step evaluate")
    parser.add_argument("--histories", type=Path, nargs="*", default=[], help="CSV files of step train_head, a head's")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder for the SVG files")
    parser.add_settings(ReportSettings)
    args = parser.parse_args()

    data = {"points": read_points(args.metrics), "histories": read_histories(args.histories)}
    results = Results.of_table(args.settings.shown, artifacts.read_csv(args.table), **data)
    for name in reporting.FIGURES:
        artifacts.write_text(args.output_dir / f"{name}.svg", reporting.question(name).figure(results))


if __name__ == "__main__":
    cli.run(main)
