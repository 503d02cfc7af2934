"""The exemplars of a case from the authors' released test set, as step select_exemplars writes those of other sources.

Images keep their bytes. With `allow_missing` in the settings, models without all their exemplars are left out.

Example:
    python -m workflow_scripts.steps.import_exemplars --release data/abc_release \\
        --output results/abc_release/exemplars/bamfg.parquet --settings '{"case": "bamfg", ...}'
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, with_columns
from workflow_scripts.release.images import exemplar_parts
from workflow_scripts.study.settings.release import ImportExemplarsSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--release", type=Path, required=True, help="folder that holds dataset/")
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    parser.add_settings(ImportExemplarsSettings)
    args = parser.parse_args()

    settings: ImportExemplarsSettings = args.settings
    parts = exemplar_parts(args.release, settings.to_case(), settings.allow_missing)
    provenance = artifacts.make_provenance(settings.to_json(), {})
    artifacts.write_table(args.output, with_columns(parts, EXEMPLAR_COLUMNS), provenance)


if __name__ == "__main__":
    cli.run(main)
