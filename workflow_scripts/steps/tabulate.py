"""Gathers the metrics of all heads in one tidy CSV, the same as a Markdown table to read, and a CSV per question."""

from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import table
from workflow_scripts.reporting.questions import QUESTIONS

FITTED = ["tau", "lambda", "kl_before", "kl_after", "n"]


def tabulate_calibrations(files: list[Path]) -> pd.DataFrame:
    """A row per head: encoder, head, training_set, and what `calibrate` fitted."""
    records = [artifacts.read_json(file) for file in files]
    names = [{name: record["provenance"]["settings"][name] for name in table.METHOD[1:]} for record in records]
    rows = [head | {name: record[name] for name in FITTED} for head, record in zip(names, records, strict=True)]
    return pd.DataFrame(rows)


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="JSON files of step evaluate")
    parser.add_argument("--calibrations", type=Path, nargs="+", required=True, help="JSON files of step calibrate")
    parser.add_argument("--output", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--markdown", type=Path, required=True, help="Markdown file to write")
    parser.add_argument("--tables", type=Path, required=True, help="folder for the CSV files of the questions")
    parser.add_settings()
    args = parser.parse_args()

    labels = {name: args.settings["report"][name] for name in ("data", "weights")}
    whole = table.tabulate([artifacts.read_json(file) for file in args.metrics], labels)
    parts = {question.name: question.rows(whole) for question in QUESTIONS}
    parts["calibration"] = tabulate_calibrations(args.calibrations).assign(**labels)
    for name, part in parts.items():
        artifacts.write_text(args.tables / f"{name}.csv", part.to_csv(index=False, float_format="%.6g"))
    artifacts.write_text(args.output, whole.to_csv(index=False, float_format="%.6g"))
    artifacts.write_text(args.markdown, table.markdown(whole))


if __name__ == "__main__":
    cli.run(main)
