"""Reads a customized model from a folder of diffusers, `.safetensors` or `.bin`, into a file that can be sampled here.

Example:
    python -m workflow_scripts import_model --base-model data/base_model --folder airplane \\
        --output airplane.safetensors

Every weight is taken as it is; a key that is missing, left over, or of another shape is named. No pickled code is run.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.customization.bank import interchange


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--base-model", type=Path, required=True, help="folder of the base model")
    parser.add_argument("--folder", type=Path, required=True, help="folder with the weights and the embedding")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    args = parser.parse_args()

    base = plugins.load("base_models", "diffusers_sd").load(args.base_model, "cpu")
    weights = interchange.read_folder(base, args.folder)
    inputs = {"base_model": args.base_model, **interchange.find_files(args.folder)}
    provenance = artifacts.make_provenance({"model": args.output.stem}, inputs)
    artifacts.write_tensors(args.output, weights, provenance)


if __name__ == "__main__":
    cli.run(main)
