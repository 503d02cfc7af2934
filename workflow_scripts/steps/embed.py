"""Features of images: of every row of a parquet file, or of every sample of a shard.

Writes float32 features as the encoder gives them, not normalised, in the order of their source; the hash of the
source stands in the provenance. Of a parquet file: one tensor `features`. Of a shard: one tensor per prompt set, and
in the provenance the rows of each model: `rows[prompt_set][model] = [start, stop]`.
"""

from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.encoders import encode_files
from workflow_scripts.evaluation.embedding import embed_shard
from workflow_scripts.study.settings.evaluation import EmbedSettings


@cli.command_line(
    EmbedSettings,
    one_of={
        "exemplars": cli.file("parquet file with a column `image`: exemplars or distractors", required=False),
        "samples": cli.file("manifest of a shard of samples", required=False),
    },
    encoder=cli.flag("name of a plug-in in encoders/", required=True),
    output=cli.file("safetensors file to write"),
    threads=cli.threads("threads of the job: all but one decode images; on a GPU all do"),
)
def main(args: cli.Args, settings: EmbedSettings) -> None:
    devices.set_up()
    workers = devices.decoders(args.threads)
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
