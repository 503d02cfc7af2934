"""Fits the temperature and the threshold that turn a head's scores into influence (paper section 4.3).

The queries are the validation samples of the training set's cases, all prompt sets; the candidates of each are all
distractors and its own model's exemplars, as in the evaluation.
"""

from workflow_scripts import artifacts, cli, heads
from workflow_scripts.evaluation import calibration, features
from workflow_scripts.study.settings.evaluation import CalibrateSettings


@cli.command_line(
    CalibrateSettings,
    exemplars=cli.files("parquet files of the cases"),
    exemplar_features=cli.files("their features, in order"),
    distractor_features=cli.file("features of all distractors"),
    sample_manifests=cli.files("validation shards"),
    sample_features=cli.files("their features, in order"),
    head=cli.file("safetensors file of the head"),
    output=cli.file("JSON file to write"),
)
def main(args: cli.Args, settings: CalibrateSettings) -> None:
    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    exemplars, samples = (args.exemplars, args.exemplar_features), (args.sample_manifests, args.sample_features)
    images = features.read_images(exemplars, samples, args.distractor_features, settings.encoder)
    gaps = calibration.measure_gaps(heads.read_head(args.head, settings.encoder), images, settings.memory_mb)
    fitted = calibration.fit(gaps)
    record = {
        "tau": fitted.tau,
        "lambda": fitted.lam,
        "kl_before": calibration.divergence(calibration.UNFITTED, gaps),
        "kl_after": calibration.divergence(fitted, gaps),
        "n": len(images.samples),
        "provenance": provenance,
    }
    artifacts.write_json(args.output, record)
