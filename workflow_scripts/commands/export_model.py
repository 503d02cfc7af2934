"""Writes a customized model as the folder that diffusers reads: whole W_k and W_v, and the embedding of `<new1>`.

Example:
    python -m workflow_scripts export_model --base-model data/base_model \\
        --model results/miniature/models/emoji_seen/airplane_0000.safetensors --output airplane

docs/interchange.md says how a pipeline loads it.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.customization.bank import interchange


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--model", type=Path, required=True, help="file of the customized model")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--format", choices=interchange.FORMATS, default="safetensors", help="of its files")
    args = parser.parse_args()

    plugin = plugins.load("base_models", "diffusers_sd")
    plugin.check(args.base_model)
    interchange.check_base(args.model, args.base_model)
    weights = artifacts.read_tensors(args.model)
    interchange.write_folder(plugin.load(args.base_model, "cpu"), weights, args.output, args.format)


if __name__ == "__main__":
    cli.run(main)
