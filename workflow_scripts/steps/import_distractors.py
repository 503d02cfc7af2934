"""The names of the LAION images whose features the authors released, as a file of distractors.

Every encoder's file must list the same images in the same order. The images themselves are taken if an encoder needs
them.

Example:
    python -m workflow_scripts.steps.import_distractors --features data/abc_release/feats/dino/laion_subset.pth \\
        --release data/abc_release --output results/abc_release/exemplars/distractors.parquet \\
        --settings '{"count": 1000000, ...}'
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.release import features
from workflow_scripts.study.settings.release import ImportDistractorsSettings


@cli.command_line(
    ImportDistractorsSettings,
    features=cli.file("LAION features of the study's first encoder"),
    release=cli.file("folder that holds dataset/"),
    output=cli.file("parquet file to write"),
)
def main(args: cli.Args, settings: ImportDistractorsSettings) -> None:
    parts = features.distractor_parts(args.features, settings.count, args.release if settings.images is True else None)
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_table(args.output, parts, provenance)
