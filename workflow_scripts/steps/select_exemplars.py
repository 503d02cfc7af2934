"""Chooses the exemplars of a case: a parquet file of images with model, split, class, source, licence and author.

Example:
    python -m workflow_scripts.steps.select_exemplars --source data/corpus \\
        --output results/miniature/exemplars/emoji_seen.parquet --settings '{"study": "miniature", ...}'
"""

import logging
from pathlib import Path

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.config import Case
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS

log = logging.getLogger("select_exemplars")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder that the source reads")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_settings()
    args = parser.parse_args()

    case = Case.from_settings(args.settings)
    source = plugins.load("exemplar_sources", case.source)
    table = source.select(args.source / "drawings.parquet", case, args.settings["seed"])
    provenance = artifacts.make_provenance(args.settings, {"drawings": args.source / "drawings.parquet"})
    artifacts.write_table(args.output, table[list(EXEMPLAR_COLUMNS)], provenance)
    log.info("%s: %d exemplars of %d models", case.name, len(table), table.model.nunique())


if __name__ == "__main__":
    cli.run(main)
