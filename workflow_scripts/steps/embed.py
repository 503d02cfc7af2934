"""Features of images: of every row of a parquet file, or of every sample of a shard.

Writes float32 features as the encoder gives them, not normalised, in the order of their source; the hash of the
source stands in the provenance. Of a parquet file: one tensor `features`. Of a shard: one tensor per prompt set, and
in the provenance the rows of each model: `rows[prompt_set][model] = [start, stop]`.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.encoders import encode_files
from workflow_scripts.evaluation.embedding import embed_shard
from workflow_scripts.study.settings.evaluation import EmbedSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--encoder", required=True, help="name of a plug-in in encoders/")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--exemplars", type=Path, help="parquet file with a column `image`: exemplars or distractors")
    source.add_argument("--samples", type=Path, help="manifest of a shard of samples")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch, and processes that decode images")
    parser.add_settings(EmbedSettings)
    args = parser.parse_args()

    devices.set_up(args.threads)
    workers = devices.decoders(args.threads)
    settings: EmbedSettings = args.settings
    options = plugins.settings("encoders", args.encoder, settings.options)
    encoder, reads = plugins.load("encoders", args.encoder).load(options), plugins.reads(args.encoder)
    inputs = settings.made_from(images=args.exemplars, samples=args.samples)
    provenance = artifacts.make_provenance(settings.recorded(encoder=args.encoder), inputs)
    if args.samples:
        of_shard = embed_shard(args.samples, encoder, workers, reads)
        tensors, provenance["rows"] = of_shard.tensors, of_shard.rows
    else:
        (features,) = encode_files([args.exemplars], encoder, workers, reads)
        tensors = {"features": features}
    artifacts.write_tensors(args.output, tensors, provenance)


if __name__ == "__main__":
    cli.run(main)
