"""The names of the LAION images whose features the authors released, as a file of distractors without pictures.

Every encoder's file must list the same images in the same order.

Example:
    python -m workflow_scripts.steps.import_distractors --features data/abc_release/feats/dino/laion_subset.pth \\
        --output results/abc_release/exemplars/distractors.parquet --settings '{"count": 1000000, ...}'
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.release import features
from workflow_scripts.study.settings.release import ImportDistractorsSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--features", type=Path, required=True, help="LAION features of the study's first encoder")
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    parser.add_settings(ImportDistractorsSettings)
    args = parser.parse_args()

    settings: ImportDistractorsSettings = args.settings
    table = features.distractor_table(args.features, settings.count)
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_table(args.output, table, provenance)


if __name__ == "__main__":
    cli.run(main)
