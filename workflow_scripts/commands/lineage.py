"""Shows where a sample comes from: model, exemplars with their artists, training losses, prompt, seed and commands.

Example:
    python -m workflow_scripts lineage results/miniature/samples/emoji_seen/airplane_0004.llm.parquet \\
        --prompt-index 0 --index 1
"""

import json
from dataclasses import asdict
from pathlib import Path

from workflow_scripts import cli
from workflow_scripts.operations import absent
from workflow_scripts.reporting import lineage


def encoders_of(folder: Path) -> list[str]:
    """The encoders that have features in a study's results."""
    return sorted(path.name for path in folder.glob("features/*"))


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("file", type=Path, help="parquet file of samples")
    parser.add_argument("--prompt-index", type=int, default=0, help="which prompt of the file, from 0 on")
    parser.add_argument("--index", type=int, default=0, help="which of the prompt's images, from 0 on")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    args = parser.parse_args()

    absent.check(args.file)
    manifest = lineage.find_manifest(args.file)
    traced = lineage.trace(manifest, args.file, args.prompt_index, args.index, encoders_of(manifest.parents[2]))
    print(json.dumps(asdict(traced), indent=1, ensure_ascii=False) if args.json else lineage.to_text(traced))


if __name__ == "__main__":
    cli.run(main)
