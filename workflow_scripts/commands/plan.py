"""The plan of a study: what it is made of, its jobs by rule, and the hours and storage that they take.

Prints it, and writes it to results/{study}/plan.md and, by rule, plan.csv. Figures rest on the jobs that are done;
where none is, on the section `costs` of the study, and say so. Needs no data and takes no lock: it can be asked while
the study runs. Study and results are those of the current folder. `snakemake --cores 1 plan` does the same.

Example:
    python -m workflow_scripts plan --study smoke
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.operations import costs, forecast, progress
from workflow_scripts.operations.jobs import Job, jobs
from workflow_scripts.reporting import plan
from workflow_scripts.study import checks, layout
from workflow_scripts.study.settings.report import DatasetTableSettings

log = logging.getLogger(__name__)
ROOT = Path(__file__).parents[2]  # of the Snakefile that sends the settings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--study", help="name of a study; default: that of config/config.yaml")
    parser.add_settings(required=False)
    args = parser.parse_args()

    study = checks.load_study(args.settings, ROOT) if args.settings else checks.named_study(args.study, Path())
    planned, files = jobs(study), progress.Files()
    survey = progress.survey(planned, files)
    seconds = costs.expect(study, planned, costs.read_seconds(survey.done), costs.SECONDS)
    megabytes = costs.expect(study, planned, sizes(survey.done, files), costs.MEGABYTES)

    exemplars = plan.count_exemplars([Path(job.outputs[0]) for job in survey.done if job.rule == "select_exemplars"])
    dataset = plan.tabulate(DatasetTableSettings.of(study), exemplars)
    by_rule = forecast.expected(planned, survey, seconds, megabytes)
    page = forecast.to_markdown(study.name, dataset, by_rule, forecast.waits(survey.to_do, seconds))
    print(page)
    page_file, table_file = (layout.folder(study.name) / name for name in layout.PLAN)
    try:
        artifacts.write_text(page_file, page, sidecar=False)
        artifacts.write_csv(table_file, by_rule, sidecar=False)
    except OSError as error:  # the folder is another user's, or the disk is full
        log.warning("the plan is not kept: %s", error)


def sizes(done: Iterable[Job], files: progress.Files) -> dict[str, float]:
    """Megabytes by record: of a job's outputs and, of a shard, of the files of its models."""
    return {job.record: sum(map(files.size, [*job.outputs, *job.parts])) / 1e6 for job in done}


if __name__ == "__main__":
    cli.run(main)
