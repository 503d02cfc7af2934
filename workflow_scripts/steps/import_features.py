"""Features that the authors' code extracted, in our layout: of the distractors, or of a case's exemplars or samples.

Features stay as they are, float32 and of any length; only their order may change, to that of the file that they are of.

Example:
    python -m workflow_scripts.steps.import_features --features data/abc_release/feats/dino/laion_subset.pth \\
        --distractors results/abc_release/exemplars/distractors.parquet \\
        --output results/abc_release/features/dino_vitb16/distractors.safetensors \\
        --settings '{"encoder": "dino_vitb16"}'
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.release import features
from workflow_scripts.study.settings.release import ImportFeaturesSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--features", type=Path, required=True, help="file of the authors' extract_feat.py")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--distractors", type=Path, help="parquet file of step import_distractors")
    source.add_argument("--exemplars", type=Path, help="parquet file of exemplars from the release")
    source.add_argument("--samples", type=Path, help="manifest of step import_samples")
    parser.add_argument("--release", type=Path, help="folder that holds dataset/, for --samples")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_settings(ImportFeaturesSettings)
    args = parser.parse_args()
    if args.samples and not args.release:
        parser.error("--samples needs --release, whose JSON files say which path a sample had")

    settings: ImportFeaturesSettings = args.settings
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    if args.samples:
        of_shard = features.of_samples(args.features, args.samples, args.release)
        tensors, provenance["rows"] = of_shard.tensors, of_shard.rows
    elif args.exemplars:
        tensors = features.of_exemplars(args.features, args.exemplars)
    else:
        tensors = features.of_distractors(args.features, args.distractors)
    artifacts.write_tensors(args.output, tensors, provenance)


if __name__ == "__main__":
    cli.run(main)
