"""Ranks all candidates of every sample of one case, and says who influenced it by how much.

Writes one row per sample: the rank of each true exemplar, the best candidates with score and influence in percent, and
how many rivals stand before each true exemplar: distractors of its own class (`hard_ahead` of `hard`), and the
exemplars of all other models (`others_ahead` of `others`), which are no candidates in the paper's protocol.
"""

from workflow_scripts import artifacts, cli, heads, plugins
from workflow_scripts.evaluation import attribution, features
from workflow_scripts.evaluation.calibration import Calibration
from workflow_scripts.study.settings.evaluation import AttributeSettings


@cli.command_line(
    AttributeSettings,
    exemplars=cli.files("parquet files of all cases"),
    exemplar_features=cli.files("their features, in order"),
    distractors=cli.file("parquet file of the distractors"),
    distractor_features=cli.file("their features"),
    sample_manifests=cli.files("shards of the case"),
    sample_features=cli.files("their features, in order"),
    head=cli.file("safetensors file of the head"),
    calibration=cli.file("JSON file of step calibrate"),
    output=cli.file("parquet file to write"),
)
def main(args: cli.Args, settings: AttributeSettings) -> None:
    exemplars, samples = (args.exemplars, args.exemplar_features), (args.sample_manifests, args.sample_features)
    distractors = artifacts.read_table(args.distractors, ["id", "class"])
    images = features.read_images(exemplars, samples, args.distractor_features, settings.encoder)
    if len(images.distractor_features) != len(distractors):
        rows = f"{args.distractor_features}: {len(images.distractor_features)} rows"
        raise ValueError(f"{rows}, but {args.distractors} has {len(distractors)}")
    fitted = artifacts.read_json(args.calibration)
    head, calibration = heads.read_head(args.head, settings.encoder), Calibration(fitted["tau"], fitted["lambda"])
    options = plugins.settings("methods", settings.method, settings.options)
    method = plugins.load("methods", settings.method).load(options, head, calibration, settings.memory_mb)

    provenance = artifacts.make_provenance(settings.to_json(), settings.made_from(**vars(args)))
    artifacts.write_table(args.output, attribution.attribute(method, images, distractors), provenance)
