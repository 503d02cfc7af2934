"""Ranks all candidates of every test sample of one case and prompt set, and says who influenced it by how much.

Writes one row per sample: the rank of each true exemplar, the best candidates with score and influence in percent.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts import artifacts, cli, features, heads, plugins
from workflow_scripts.methods import Attribution, Candidates, Queries
from workflow_scripts.metrics.calibration import Calibration


def to_table(
    queries: pd.DataFrame, exemplars: features.Exemplars, truth: np.ndarray, names: np.ndarray, found: Attribution
) -> pd.DataFrame:
    """One row per query; `names` are the ids of all candidates, in the order of `Attribution`."""
    first = exemplars.table.iloc[truth[:, 0]].reset_index(drop=True)
    real, listed = found.ranks > 0, found.top >= 0
    ranks = [row[mask] for row, mask in zip(found.ranks, real, strict=True)]
    by_new_artist = exemplars.table.groupby("model")["new_artist"].all()
    return queries[["model", "prompt_index", "index"]].assign(
        **{"class": first["class"]},
        new_artist=queries["model"].map(by_new_artist),
        ranks=ranks,
        best=[int(row.min()) for row in ranks],
        candidates=found.candidates,
        top_ids=[names[row[mask]] for row, mask in zip(found.top, listed, strict=True)],
        top_scores=[row[mask] for row, mask in zip(found.top_scores, listed, strict=True)],
        top_influence=[row[mask] for row, mask in zip(found.top_influence, listed, strict=True)],
        true_influence=found.true_influence,
    )


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, required=True, help="parquet file of the case")
    parser.add_argument("--exemplar-features", type=Path, required=True, help="its features")
    parser.add_argument("--distractors", type=Path, required=True, help="parquet file of the distractors")
    parser.add_argument("--distractor-features", type=Path, required=True, help="their features")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="test shards of the case")
    parser.add_argument("--sample-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--head", type=Path, required=True, help="safetensors file of the head")
    parser.add_argument("--calibration", type=Path, required=True, help="JSON file of step calibrate")
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    parser.add_settings()
    args = parser.parse_args()

    encoder = args.settings["encoder"]
    exemplars = features.read_exemplars([args.exemplars], [args.exemplar_features], encoder)
    distractors = artifacts.read_table(args.distractors, ["id"])["id"]
    queries, samples = features.read_samples(
        args.sample_manifests, args.sample_features, encoder, args.settings["prompt_set"]
    )
    truth = exemplars.truth(queries)
    mapped = features.map_distractors(args.distractor_features, encoder)
    read = {args.exemplar_features: exemplars.features, args.sample_features[0]: samples}
    features.check_widths({**read, args.distractor_features: mapped})
    if len(mapped) != len(distractors):
        raise ValueError(
            f"{args.distractor_features}: {len(mapped)} rows, but {args.distractors} has {len(distractors)}"
        )

    fitted = artifacts.read_json(args.calibration)
    method = plugins.load("methods", args.settings["method"]).load(
        args.settings, heads.read_head(args.head, encoder), Calibration(fitted["tau"], fitted["lambda"])
    )
    method.prepare(Candidates(mapped, exemplars.features))
    found = method.rank(Queries(samples, truth))

    names = np.concatenate([distractors.to_numpy(object), exemplars.table["id"].to_numpy(object)])
    inputs = {"head": args.head, "calibration": args.calibration, "distractor_features": args.distractor_features}
    inputs |= {f"samples_{file.stem}": file for file in args.sample_features}
    provenance = artifacts.make_provenance(args.settings, inputs)
    artifacts.write_table(args.output, to_table(queries, exemplars, truth, names, found), provenance)


if __name__ == "__main__":
    cli.run(main)
