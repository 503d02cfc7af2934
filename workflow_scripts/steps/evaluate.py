"""Scores a head in every cell: Recall@K, mAP and median rank with 95 % intervals over models, beside untuned features.

Reads the ranks that `attribute` wrote for each case and, for a learned head, those of the identity head on the same
queries.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.evaluation import cells

HEAD = ("method", "encoder", "head", "training_set")


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--scores", type=Path, nargs="+", required=True, help="parquet file of each case")
    parser.add_argument("--untuned", type=Path, nargs="*", help="the same under the identity head; none for itself")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_settings()
    args = parser.parse_args()

    head = {key: args.settings[key] for key in HEAD}
    scores = cells.read_scores(args.scores, head)
    same = {"method": head["method"], "encoder": head["encoder"], "head": "identity"}
    untuned = cells.read_scores(args.untuned, same) if args.untuned else None
    inputs = {f"scores_{file.stem}": file for file in args.scores}
    inputs |= {f"untuned_{file.stem}": file for file in args.untuned or ()}
    artifacts.write_json(
        args.output,
        {
            **head,
            "share": args.settings["share"],
            **cells.evaluate(scores, untuned, args.settings),
            "provenance": artifacts.make_provenance(args.settings, inputs),
        },
    )


if __name__ == "__main__":
    cli.run(main)
