"""The authors' tables of results as rows with the columns of our table.csv, to stand beside a study's own.

Example:
    python -m workflow_scripts import_results --tables data/abc_release/results/table_*.csv \\
        --output results/abc_release/report/authors.csv
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.release.results import read_results


@cli.command_line(tables=cli.files("table_{case}.csv, any number of them"), output=cli.file("CSV file to write"))
def main(args: cli.Args) -> None:
    artifacts.write_csv(args.output, read_results(args.tables), digits=6)
