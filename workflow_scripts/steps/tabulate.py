"""Gathers the metrics of all cells in one tidy CSV, and the same as a Markdown table to read."""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import table


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="JSON files of step evaluate")
    parser.add_argument("--output", type=Path, required=True, help="CSV file to write")
    parser.add_argument("--markdown", type=Path, required=True, help="Markdown file to write")
    parser.add_settings()
    args = parser.parse_args()

    labels = {name: args.settings["report"][name] for name in ("data", "weights")}
    cells = table.tabulate([artifacts.read_json(file) for file in args.metrics], labels)
    artifacts.write_text(args.output, cells.to_csv(index=False, float_format="%.6g"))
    artifacts.write_text(args.markdown, table.markdown(cells))


if __name__ == "__main__":
    cli.run(main)
