"""Chooses the distractors of a study: images that influenced no model.

Example:
    python -m workflow_scripts.steps.select_distractors --source data/corpus \\
        --exemplars results/miniature/exemplars/emoji_seen.parquet \\
        --output results/miniature/exemplars/distractors.parquet --settings '{"study": "miniature", ...}'
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.exemplar_sources import DISTRACTOR_COLUMNS, corpus_of, with_columns
from workflow_scripts.study.settings.exemplars import SelectDistractorsSettings

log = logging.getLogger("select_distractors")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--source", type=Path, required=True, help="the folder of the distractors' data")
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="the exemplars of every case")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_settings(SelectDistractorsSettings)
    args = parser.parse_args()
    settings: SelectDistractorsSettings = args.settings

    tables = (artifacts.read_table(file, ["source", "sha256"]) for file in args.exemplars)
    exemplars = {name for table in tables for column in table for name in table[column]}
    source = plugins.load("exemplar_sources", settings.source)
    parts = source.distract(args.source, exemplars, settings.count, settings.seed)
    inputs = settings.made_from(corpus=corpus_of(args.source))
    provenance = artifacts.make_provenance(settings.to_json(), inputs)
    artifacts.write_table(args.output, with_columns(parts, DISTRACTOR_COLUMNS, settings.count), provenance)
    log.info("%d distractors", len(artifacts.Images(args.output)))


if __name__ == "__main__":
    cli.run(main)
