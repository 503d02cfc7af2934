"""The released images that were not there when a study imported the others: every path, in one JSON file.

The table beside it says how many queries each cell lacks for that.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workflow_scripts import artifacts, cli
from workflow_scripts.study.settings.release import ListMissingSettings


def missing(file: Path, record: Mapping[str, Any]) -> list[str]:
    """The images that the record of an import lists."""
    if "missing" not in record:
        raise ValueError(f"{file}: does not say which images were missing when it was made; delete it and run again")
    return record["missing"]


@cli.command_line(
    ListMissingSettings,
    exemplars=cli.files("parquet files of step import_exemplars"),
    samples=cli.files("manifests of step import_samples"),
    output=cli.file("JSON file to write"),
)
def main(args: cli.Args, settings: ListMissingSettings) -> None:
    exemplars = sorted(path for file in args.exemplars for path in missing(file, artifacts.read_provenance(file)))
    samples = sorted(path for file in args.samples for path in missing(file, artifacts.read_json(file)))
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    record = {"exemplars": exemplars, "samples": samples, artifacts.PROVENANCE: provenance}
    artifacts.write_json(args.output, record)
