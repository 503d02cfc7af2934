"""Chooses the distractors of a study: images that influenced no model.

Example:
    python -m workflow_scripts.steps.select_distractors --source data/corpus \\
        --exemplars results/miniature/exemplars/emoji_seen.parquet \\
        --output results/miniature/exemplars/distractors.parquet --settings '{"study": "miniature", ...}'
"""

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.exemplar_sources import DISTRACTOR_COLUMNS, Exemplars, corpus_of, with_columns
from workflow_scripts.study.settings.exemplars import SelectDistractorsSettings


@cli.command_line(
    SelectDistractorsSettings,
    source=cli.file("the folder of the distractors' data"),
    exemplars=cli.files("the exemplars of every case"),
    output=cli.file(),
)
def main(args: cli.Args, settings: SelectDistractorsSettings) -> None:
    source = plugins.load("exemplar_sources", settings.source)
    parts = source.distract(args.source, Exemplars.read(args.exemplars), settings.count, settings.seed)
    inputs = settings.made_from(corpus=corpus_of(args.source), exemplars=args.exemplars)
    provenance = artifacts.make_provenance(settings.to_json(), inputs)
    artifacts.write_table(args.output, with_columns(parts, DISTRACTOR_COLUMNS, settings.count), provenance)
    cli.log.info("%d distractors", len(artifacts.Images(args.output)))
