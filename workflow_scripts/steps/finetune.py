"""The customized models of a shard: each one taught its exemplar, or the few exemplars of its style.

Writes one `{model}.safetensors` per model, and the shard's manifest when all are good. Models that are there already,
made the same way, are kept; a model that fails is named at the end and holds up no other.
"""

from pathlib import Path

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.models import Ingredients, make_models


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--exemplars", type=Path, required=True, help="parquet file of the case's exemplars")
    parser.add_argument("--regularization", type=Path, nargs="+", required=True, help="files with the class words")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write; the models go beside it")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings()
    args = parser.parse_args()

    with shards.locked(args.output):
        ingredients = Ingredients(args.base_model, args.exemplars, args.regularization, args.settings)
        entries = make_models(ingredients, args.output.parent, args.threads)
        shards.write_manifest(args.output, args.settings, entries)


if __name__ == "__main__":
    cli.run(main)
