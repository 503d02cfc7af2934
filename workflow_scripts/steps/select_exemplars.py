"""Chooses the exemplars of a case: a parquet file of images with model, split, class, source, licence and author.

Example:
    python -m workflow_scripts.steps.select_exemplars --source data/corpus \\
        --output results/miniature/exemplars/emoji_seen.parquet --settings '{"study": "miniature", ...}'
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, corpus_of, with_columns
from workflow_scripts.study.settings.exemplars import SelectExemplarsSettings

log = logging.getLogger("select_exemplars")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--source", type=Path, required=True, help="the folder of the case's data")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_settings(SelectExemplarsSettings)
    args = parser.parse_args()

    settings: SelectExemplarsSettings = args.settings
    case = settings.to_case()
    source = plugins.load("exemplar_sources", case.source)
    parts = with_columns(source.select(args.source, case, settings.seed), EXEMPLAR_COLUMNS)
    inputs = settings.made_from(corpus=corpus_of(args.source))
    artifacts.write_table(args.output, parts, artifacts.make_provenance(settings.to_json(), inputs))
    models = sum(len(case.models[split]) for split in case.splits)
    log.info("%s: %d exemplars of %d models", case.name, len(artifacts.Images(args.output)), models)


if __name__ == "__main__":
    cli.run(main)
