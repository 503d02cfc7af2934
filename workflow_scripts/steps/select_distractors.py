"""Chooses the distractors of a study: images that influenced no model.

Example:
    python -m workflow_scripts.steps.select_distractors --source data/corpus \\
        --exemplars results/miniature/exemplars/emoji_seen.parquet \\
        --output results/miniature/exemplars/distractors.parquet --settings '{"study": "miniature", ...}'
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.exemplar_sources import DISTRACTOR_COLUMNS

log = logging.getLogger("select_distractors")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder that the source reads")
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="the exemplars of every case")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_settings()
    args = parser.parse_args()
    settings = args.settings

    exemplars = {name for file in args.exemplars for name in artifacts.read_table(file, ["source"]).source}
    source = plugins.load("exemplar_sources", settings["source"])
    table = source.distract(args.source / "drawings.parquet", exemplars, settings["count"], settings["seed"])
    provenance = artifacts.make_provenance(settings, {"drawings": args.source / "drawings.parquet"})
    artifacts.write_table(args.output, table[list(DISTRACTOR_COLUMNS)], provenance)
    log.info("%d distractors", len(table))


if __name__ == "__main__":
    cli.run(main)
