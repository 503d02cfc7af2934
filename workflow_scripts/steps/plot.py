"""Draws the report's figures as SVG: one for each question, calibration, and the training of the heads."""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import figures
from workflow_scripts.reporting.questions import QUESTIONS


def read_points(metrics: list[Path], training_set: str) -> pd.DataFrame:
    """The reliability of every head of a training set: a row per bin of a cell."""
    records = [artifacts.read_json(file) for file in metrics]
    return pd.DataFrame(
        {"encoder": record["encoder"], "head": record["head"], **point}
        for record in records
        if record["training_set"] == training_set
        for point in record["reliability"]
    )


def read_histories(files: list[Path]) -> dict[str, pd.DataFrame]:
    """`heads/{encoder}/{head}/{training_set}.history.csv` by encoder; of heads that learned."""
    tables = {file.parent.parent.name: pd.read_csv(file) for file in files}
    return {encoder: table for encoder, table in tables.items() if len(table) > 1}


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="JSON files of step evaluate")
    parser.add_argument(
        "--histories", type=Path, nargs="+", required=True, help="CSV files of step train_head, a head's"
    )
    parser.add_argument("--output-dir", type=Path, required=True, help="folder for the SVG files")
    parser.add_settings()
    args = parser.parse_args()

    table = pd.read_csv(args.table)
    drawn = {question.name: figures.draw(question.name, question.rows(table)) for question in QUESTIONS}
    drawn["reliability"] = figures.reliability(read_points(args.metrics, args.settings["training_set"]))
    drawn["history"] = figures.history(read_histories(args.histories))
    for name, svg in drawn.items():
        artifacts.write_text(args.output_dir / f"{name}.svg", svg)


if __name__ == "__main__":
    cli.run(main)
