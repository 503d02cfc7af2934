"""The customized models of a shard: each one taught its exemplar, or the few exemplars of its style.

Writes one `{model}.safetensors` per model, and the shard's manifest when all are good. Models that are there already,
made the same way, are kept; a model that fails is named at the end and holds up no other.
"""

from functools import partial
from pathlib import Path

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.models import Ingredients, make_models
from workflow_scripts.study.settings.ground_truth import FinetuneSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--exemplars", type=Path, required=True, help="parquet file of the case's exemplars")
    parser.add_argument("--regularization", type=Path, nargs="+", required=True, help="files with the class words")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write; the models go beside it")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings(FinetuneSettings)
    args = parser.parse_args()

    ingredients = Ingredients(args.base_model, args.exemplars, args.regularization, args.settings)
    write = partial(make_models, ingredients, args.output.parent, args.threads)
    shards.make(args.output, args.settings, ingredients.parts(), write)


if __name__ == "__main__":
    cli.run(main)
