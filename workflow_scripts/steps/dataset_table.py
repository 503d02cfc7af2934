"""Counts a study's models, exemplars, prompts and samples of each case and split, as CSV.

Exemplars are counted in the files of the cases; the other numbers come from the configuration.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import plan
from workflow_scripts.study.settings.report import DatasetTableSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, nargs="*", default=[], help="parquet files of cases")
    parser.add_argument("--output", type=Path, required=True, help="CSV file to write")
    parser.add_settings(DatasetTableSettings)
    args = parser.parse_args()

    counts = plan.count_exemplars(args.exemplars)
    artifacts.write_csv(args.output, plan.tabulate(args.settings, counts))


if __name__ == "__main__":
    cli.run(main)
