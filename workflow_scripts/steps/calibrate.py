"""Fits the temperature and the threshold that turn a head's scores into influence (paper section 4.3).

The queries are the validation samples of the training set's cases, all prompt sets; the candidates of each are all
distractors and its own model's exemplars, as in the evaluation.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli, heads
from workflow_scripts.evaluation import calibration, features
from workflow_scripts.study.settings.evaluation import CalibrateSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of the cases")
    parser.add_argument("--exemplar-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--distractor-features", type=Path, required=True, help="features of all distractors")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="validation shards")
    parser.add_argument("--sample-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--head", type=Path, required=True, help="safetensors file of the head")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_settings(CalibrateSettings)
    args = parser.parse_args()

    settings: CalibrateSettings = args.settings
    exemplars, samples = (args.exemplars, args.exemplar_features), (args.sample_manifests, args.sample_features)
    images = features.read_images(exemplars, samples, args.distractor_features, settings.encoder)
    gaps = calibration.measure_gaps(heads.read_head(args.head, settings.encoder), images, settings.memory_mb)
    fitted = calibration.fit(gaps)
    inputs = settings.made_from(**vars(args))
    record = {
        "tau": fitted.tau,
        "lambda": fitted.lam,
        "kl_before": calibration.divergence(calibration.UNFITTED, gaps),
        "kl_after": calibration.divergence(fitted, gaps),
        "n": len(images.samples),
    }
    artifacts.write_json(args.output, {**record, "provenance": artifacts.make_provenance(settings.to_json(), inputs)})


if __name__ == "__main__":
    cli.run(main)
