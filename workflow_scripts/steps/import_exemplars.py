"""The exemplars of a case from the authors' released test set, as step select_exemplars writes those of other sources.

Images keep their bytes; each is decoded, so that none is taken that cannot be read. With `allow_missing` in the
settings, models without all their exemplars are left out. The provenance lists the exemplars that are missing.

Example:
    python -m workflow_scripts.steps.import_exemplars --release data/abc_release \\
        --output results/abc_release/exemplars/bamfg.parquet --settings '{"case": "bamfg", ...}'
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, with_columns
from workflow_scripts.release.images import complete, exemplar_parts, missing_exemplars, read_case
from workflow_scripts.study.settings.release import ImportExemplarsSettings


@cli.command_line(
    ImportExemplarsSettings, release=cli.file("folder that holds dataset/"), output=cli.file("parquet file to write")
)
def main(args: cli.Args, settings: ImportExemplarsSettings) -> None:
    case = settings.to_case()
    entries = read_case(args.release, case)
    missing = missing_exemplars(args.release, entries)
    parts = exemplar_parts(args.release, case, complete(args.release, entries, missing, settings.allow_missing))
    provenance = artifacts.make_provenance(settings.to_json(), {}) | {"missing": missing}
    artifacts.write_table(args.output, with_columns(parts, EXEMPLAR_COLUMNS), provenance)
