"""The samples of a shard's customized models: images of every prompt of every prompt set.

Writes one `{model}.{prompt_set}.parquet` per model and prompt set, and the shard's manifest when all are good. Files
that are there already, made the same way, are kept; a model that fails is named at the end and holds up no other.
"""

from functools import partial

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.samples import Samples
from workflow_scripts.study.settings.ground_truth import SampleSettings


@cli.command_line(
    SampleSettings,
    base_model=cli.file("folder of the base model"),
    models=cli.file("manifest of the shard's customized models"),
    output=cli.file("manifest to write; the samples go beside it"),
)
def main(args: cli.Args, settings: SampleSettings) -> None:
    samples = Samples(args.base_model, args.models, settings)
    shards.make(args.output, settings, samples.parts(), partial(samples.make, args.output))
