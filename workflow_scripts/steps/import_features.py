"""Features that the authors' code extracted, in our layout: of the distractors, or of a case's exemplars or samples.

Features stay as they are, float32 and of any length; only their order may change, to that of the file that they are of.

Example:
    python -m workflow_scripts.steps.import_features --features data/abc_release/feats/dino/laion_subset.pth \\
        --distractors results/abc_release/exemplars/distractors.parquet \\
        --output results/abc_release/features/dino_vitb16/distractors.safetensors \\
        --settings '{"encoder": "dino_vitb16"}'
"""

from workflow_scripts import artifacts, cli
from workflow_scripts.release import features
from workflow_scripts.study.settings.release import ImportFeaturesSettings


@cli.command_line(
    ImportFeaturesSettings,
    one_of={
        "distractors": cli.file("parquet file of step import_distractors", required=False),
        "exemplars": cli.file("parquet file of exemplars from the release", required=False),
        "samples": cli.file("manifest of step import_samples", required=False),
    },
    features=cli.file("file of the authors' extract_feat.py"),
    release=cli.file("folder that holds dataset/, for --samples", required=False),
    output=cli.file("safetensors file to write"),
)
def main(args: cli.Args, settings: ImportFeaturesSettings) -> None:
    if args.samples and not args.release:
        raise ValueError("--samples needs --release, whose JSON files say which path a sample had")
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    if args.samples:
        of_shard = features.of_samples(args.features, args.samples, args.release)
        tensors, provenance["rows"] = of_shard.tensors, of_shard.rows
    elif args.exemplars:
        tensors = features.of_exemplars(args.features, args.exemplars)
    else:
        tensors = features.of_distractors(args.features, args.distractors)
    artifacts.write_tensors(args.output, tensors, provenance)
