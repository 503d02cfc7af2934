"""Counts a study's models, exemplars, prompts and samples of each case and split, as CSV.

Exemplars are counted in the files of the cases; the other numbers come from the configuration.
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.reporting import plan
from workflow_scripts.study.settings.report import DatasetTableSettings


@cli.command_line(
    DatasetTableSettings,
    exemplars=cli.files("parquet files of cases", required=False),
    output=cli.file("CSV file to write"),
    provenance=cli.file("JSON file to write: what it was made with"),
)
def main(args: cli.Args, settings: DatasetTableSettings) -> None:
    counts = plan.count_exemplars(args.exemplars)
    artifacts.write_csv(args.output, plan.tabulate(settings, counts))
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_json(args.provenance, {artifacts.PROVENANCE: provenance})
