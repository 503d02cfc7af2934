"""Chooses the exemplars of a case: a parquet file of images with model, split, class, source, licence and author.

Example:
    python -m workflow_scripts.steps.select_exemplars --source data/corpus \\
        --output results/miniature/exemplars/emoji_seen.parquet --settings '{"study": "miniature", ...}'
"""

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, corpus_of, with_columns
from workflow_scripts.study.settings.exemplars import SelectExemplarsSettings


@cli.command_line(SelectExemplarsSettings, source=cli.file("the folder of the case's data"), output=cli.file())
def main(args: cli.Args, settings: SelectExemplarsSettings) -> None:
    case = settings.to_case()
    source = plugins.load("exemplar_sources", case.source)
    parts = with_columns(source.select(args.source, case, settings.seed), EXEMPLAR_COLUMNS)
    inputs = settings.made_from(corpus=corpus_of(args.source))
    artifacts.write_table(args.output, parts, artifacts.make_provenance(settings.to_json(), inputs))
    models = sum(len(case.models[split]) for split in case.splits)
    cli.log.info("%s: %d exemplars of %d models", case.name, len(artifacts.Images(args.output)), models)
