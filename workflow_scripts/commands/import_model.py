"""Reads a customized model from a folder of diffusers, or of the authors of AbC, into a file that can be sampled here.

Example:
    python -m workflow_scripts import_model --base-model data/base_model --folder airplane \\
        --output airplane.safetensors

Every weight is taken as it is; a key that is missing, left over, or of another shape is named. No pickled code is run.
"""

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.customization.bank import interchange


@cli.command_line(
    base_model=cli.file("folder of the base model"),
    folder=cli.file("folder with the weights and the embedding"),
    output=cli.file("file to write"),
)
def main(args: cli.Args) -> None:
    base = plugins.load("base_models", "diffusers_sd").load(args.base_model, "cpu")
    weights = interchange.read_folder(base, args.folder)
    inputs = {"base_model": args.base_model, **interchange.find_files(args.folder)}
    provenance = artifacts.make_provenance({"model": args.output.stem}, inputs)
    artifacts.write_tensors(args.output, weights, provenance)
