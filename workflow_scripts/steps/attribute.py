"""Ranks all candidates of every sample of one case, and says who influenced it by how much.

Writes one row per sample: the rank of each true exemplar, the best candidates with score and influence in percent, and
how many rivals stand before each true exemplar: distractors of its own class (`hard_ahead` of `hard`), and the
exemplars of all other models (`others_ahead` of `others`), which are no candidates in the paper's protocol.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli, heads, plugins
from workflow_scripts.evaluation import attribution, features
from workflow_scripts.evaluation.calibration import Calibration
from workflow_scripts.study.settings.evaluation import AttributeSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of all cases")
    parser.add_argument("--exemplar-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--distractors", type=Path, required=True, help="parquet file of the distractors")
    parser.add_argument("--distractor-features", type=Path, required=True, help="their features")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="shards of the case")
    parser.add_argument("--sample-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--head", type=Path, required=True, help="safetensors file of the head")
    parser.add_argument("--calibration", type=Path, required=True, help="JSON file of step calibrate")
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    parser.add_settings(AttributeSettings)
    args = parser.parse_args()

    settings: AttributeSettings = args.settings
    exemplars, samples = (args.exemplars, args.exemplar_features), (args.sample_manifests, args.sample_features)
    distractors = artifacts.read_table(args.distractors, ["id", "class"])
    images = features.read_images(exemplars, samples, args.distractor_features, settings.encoder)
    if len(images.distractor_features) != len(distractors):
        raise ValueError(
            f"{args.distractor_features}: {len(images.distractor_features)} rows, but {args.distractors} has "
            f"{len(distractors)}"
        )
    fitted = artifacts.read_json(args.calibration)
    head, calibration = heads.read_head(args.head, settings.encoder), Calibration(fitted["tau"], fitted["lambda"])
    options = plugins.settings("methods", settings.method, settings.options)
    method = plugins.load("methods", settings.method).load(options, head, calibration, settings.memory_mb)
    table = attribution.attribute(method, images, distractors)

    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_table(args.output, table, provenance)


if __name__ == "__main__":
    cli.run(main)
