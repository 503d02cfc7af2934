"""Draws the report's figures as SVG: Recall@10 and mAP of every cell, calibration, and the training of the heads."""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import figures

HISTORY = ".history.csv"


def head_name(history: Path) -> str:
    """`heads/{encoder}/{head}/{training_set}.history.csv` as a label."""
    return f"{history.parent.parent.name}, {history.parent.name}, {history.name.removesuffix(HISTORY)}"


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file of step tabulate")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="JSON files of step evaluate")
    parser.add_argument("--histories", type=Path, nargs="*", default=[], help="CSV files of step train_head")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder for the SVG files")
    parser.add_settings()
    args = parser.parse_args()

    table = pd.read_csv(args.table)
    drawn = {
        "recall": figures.bars(table, "recall@10"),
        "mAP": figures.bars(table, "mAP"),
        "reliability": figures.reliability([artifacts.read_json(file) for file in args.metrics]),
        "history": figures.history({head_name(file): pd.read_csv(file) for file in args.histories}),
    }
    for name, svg in drawn.items():
        artifacts.write_text(args.output_dir / f"{name}.svg", svg)


if __name__ == "__main__":
    cli.run(main)
