"""The authors' tables of results as rows with the columns of our table.csv, to stand beside a study's own.

Example:
    python -m workflow_scripts import_results --tables data/abc_release/results/table_*.csv \\
        --output results/abc_release/report/authors.csv
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.release.results import read_results


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="table_{case}.csv, any number of them")
    parser.add_argument("--output", type=Path, required=True, help="CSV file to write")
    args = parser.parse_args()

    artifacts.write_csv(args.output, read_results(args.tables), digits=6)


if __name__ == "__main__":
    cli.run(main)
