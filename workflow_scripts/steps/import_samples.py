"""The samples of a shard from the authors' released test set, as step sample would have left its own.

Images keep their bytes. Files that are there already, made of the same images, are kept; the manifest comes last.

Example:
    python -m workflow_scripts.steps.import_samples --release data/abc_release \\
        --output results/abc_release/samples/bamfg/test_0000.json --settings '{"case": "bamfg", ...}'
"""

from functools import partial
from pathlib import Path

from workflow_scripts import cli
from workflow_scripts.ground_truth import shards
from workflow_scripts.release import samples
from workflow_scripts.study.settings.release import ImportSamplesSettings


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--release", type=Path, required=True, help="folder that holds dataset/")
    parser.add_argument("--output", type=Path, required=True, help="manifest to write; the samples go beside it")
    parser.add_settings(ImportSamplesSettings)
    args = parser.parse_args()

    write = partial(samples.write, args.release, args.output.parent)
    shards.make(args.output, args.settings, samples.parts(args.release, args.settings), write)


if __name__ == "__main__":
    cli.run(main)
