"""The customized models of a shard: each one taught its exemplar, or the few exemplars of its style.

Writes one `{model}.safetensors` per model, and the shard's manifest when all are good. Models that are there already,
made the same way, are kept; a model that fails is named at the end and holds up no other.
"""

from functools import partial

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.models import Ingredients, make_models
from workflow_scripts.study.settings.ground_truth import FinetuneSettings


@cli.command_line(
    FinetuneSettings,
    base_model=cli.file("folder of the base model"),
    exemplars=cli.file("parquet file of the case's exemplars"),
    regularization=cli.files("files with the class words"),
    output=cli.file("manifest to write; the models go beside it"),
)
def main(args: cli.Args, settings: FinetuneSettings) -> None:
    ingredients = Ingredients(args.base_model, args.exemplars, args.regularization, settings)
    write = partial(make_models, ingredients, args.output)
    shards.make(args.output, settings, ingredients.parts(), write)
