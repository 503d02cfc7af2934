"""Scores one cell: Recall@K, mAP and median rank with 95 % intervals over models, beside chance and untuned features.

Reads the ranks that `attribute` wrote and, for a learned head, those of the identity head on the same queries.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.metrics import evaluation

CELL = ("method", "encoder", "head", "training_set", "case", "prompt_set")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--scores", type=Path, required=True, help="parquet file of step attribute")
    parser.add_argument(
        "--untuned", type=Path, nargs="?", help="the same cell under the identity head; none for itself"
    )
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_settings()
    args = parser.parse_args()

    cell = {key: args.settings[key] for key in CELL}
    scores = artifacts.read_table(args.scores, expect=cell)
    untuned = artifacts.read_table(args.untuned, expect=cell | {"head": "identity"}) if args.untuned else None
    inputs = {"scores": args.scores} | ({"untuned": args.untuned} if args.untuned else {})
    artifacts.write_json(
        args.output,
        {
            **cell,
            "kind": args.settings["kind"],
            **evaluation.evaluate(scores, untuned, args.settings),
            "provenance": artifacts.make_provenance(args.settings, inputs),
        },
    )


if __name__ == "__main__":
    cli.run(main)
