"""Writes a customized model as the folder that others read: whole W_k and W_v, and the embedding of `<new1>`.

With `--format pt` for the code of AbC's authors, else for diffusers.

Example:
    python -m workflow_scripts export_model --base-model data/base_model \\
        --model results/miniature/models/emoji_seen/airplane_0000.safetensors --output airplane

docs/interchange.md says how each loads it.
"""

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.customization.bank import interchange
from workflow_scripts.operations import absent


@cli.command_line(
    base_model=cli.file("folder of the base model"),
    model=cli.file("file of the customized model"),
    output=cli.file("folder to write"),
    format=cli.flag("of its files", default="safetensors", choices=interchange.FORMATS),
)
def main(args: cli.Args) -> None:
    absent.check(args.model)
    plugin = plugins.load("base_models", "diffusers_sd")
    plugin.check(args.base_model)
    interchange.check_base(args.model, args.base_model)
    weights = artifacts.read_tensors(args.model)
    interchange.write_folder(plugin.load(args.base_model, "cpu"), weights, args.output, args.format)
