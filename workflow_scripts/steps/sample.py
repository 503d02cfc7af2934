"""The samples of a shard's customized models: images of every prompt of every prompt set.

Writes one `{model}.{prompt_set}.parquet` per model and prompt set, and the shard's manifest when all are good. Files
that are there already, made the same way, are kept; a model that fails is named at the end and holds up no other.
"""

from functools import partial
from pathlib import Path

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.samples import Samples
from workflow_scripts.study.settings.ground_truth import SampleSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--models", type=Path, required=True, help="manifest of the shard's customized models")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write; the samples go beside it")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch")
    parser.add_settings(SampleSettings)
    args = parser.parse_args()

    samples = Samples(args.base_model, args.models, args.settings, args.threads)
    shards.make(args.output, args.settings, samples.parts(), partial(samples.make, args.output.parent))


if __name__ == "__main__":
    cli.run(main)
