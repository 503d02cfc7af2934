"""Renders the drawings of the pinned packages and decides what each may be used for.

Example (after `npm ci` in the folder with config/corpus/package-lock.json):
    python -m workflow_scripts.steps.build_corpus --packages build/packages/node_modules \\
        --output data/corpus --settings '{"vocabulary": "config/classes/vocabulary.txt", "object_classes":
        {"config/classes/emoji_seen.txt": 5}, "style_groups": ["config/classes/families_seen.train.txt"]}'
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.miniature.corpus.drawings import attribution_text, build_drawings
from workflow_scripts.study.study import read_list


@cli.command_line(
    dict,
    packages=cli.file("the node_modules folder of the pinned packages"),
    output=cli.file("folder for drawings.parquet and ATTRIBUTION.md"),
    threads=cli.threads("worker processes (default: 2)", default=2),
)
def main(args: cli.Args, settings: dict) -> None:
    classes = {name: n for file, n in settings["object_classes"].items() for name in read_list(Path(file))}
    groups = [name for file in settings["style_groups"] for name in read_list(Path(file))]
    known = set(read_list(Path(settings["vocabulary"])))
    drawings, errors = build_drawings(args.packages, classes, groups, known, args.threads)
    for error in errors:
        cli.log.warning("left out: %s", error)
    cli.log.info("%d drawings: %s", len(drawings), dict(drawings.role.value_counts()))

    provenance = artifacts.make_provenance(settings, {"lock": args.packages.parent / "package-lock.json"})
    artifacts.write_text(args.output / "ATTRIBUTION.md", attribution_text(drawings), sidecar=False)
    artifacts.write_table(args.output / "drawings.parquet", drawings, provenance, sidecar=False)
