"""Ranks all candidates of every sample of one case, and says who influenced it by how much.

Writes one row per sample: the rank of each true exemplar, the best candidates with score and influence in percent, and
how many rivals stand before each true exemplar: distractors of its own class (`hard_ahead` of `hard`), and the
exemplars of all other models (`others_ahead` of `others`), which are no candidates in the paper's protocol.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts import artifacts, cli, heads, plugins
from workflow_scripts.evaluation import features, rivals
from workflow_scripts.evaluation.calibration import Calibration
from workflow_scripts.methods import Attribution, Candidates, Method, Queries

NAMES = ["split", "prompt_set", "model", "prompt_index", "index"]


def to_table(
    queries: pd.DataFrame, exemplars: features.Exemplars, truth: np.ndarray, names: np.ndarray, found: Attribution
) -> pd.DataFrame:
    """One row per query; `names` are the ids of all candidates, in the order of `Attribution`."""
    first = exemplars.table.iloc[truth[:, 0]].reset_index(drop=True)
    listed = found.top >= 0
    ranks = _without_padding(found.ranks, truth)
    own = [exemplars.table.iloc[row[row >= 0]] for row in truth]
    return queries.assign(split=first["split"])[NAMES].assign(
        **{"class": first["class"]},
        new_artist=[bool(rows["new_artist"].all()) for rows in own],
        seen_twin=[bool(rows["seen_twin"].any()) for rows in own],
        ranks=ranks,
        best=[int(row.min()) for row in ranks],
        candidates=found.candidates,
        top_ids=[names[row[mask]] for row, mask in zip(found.top, listed, strict=True)],
        top_scores=[row[mask] for row, mask in zip(found.top_scores, listed, strict=True)],
        top_influence=[row[mask] for row, mask in zip(found.top_influence, listed, strict=True)],
        true_influence=found.true_influence,
    )


def count_rivals(
    method: Method, queries: Queries, table: pd.DataFrame, exemplars: pd.DataFrame, classes: pd.Series
) -> dict[str, list]:
    """The columns hard, hard_ahead, others and others_ahead.

    Args:
        table: of the queries, with the columns model and class.
        exemplars: of all cases, in the rows that `queries.truth` names.
        classes: of the distractors.
    """
    first_exemplar, hard = len(classes), rivals.hard_distractors(classes)
    nobody = np.empty(0, np.int64)
    groups = {}
    for model, rows in table.groupby("model", sort=False).indices.items():
        truth = queries.truth[rows[0]]
        others = first_exemplar + rivals.other_exemplars(exemplars, truth[truth >= 0])
        groups[model] = {"hard": hard.get(table["class"].iloc[rows[0]], nobody), "others": others}
    columns = {}
    for kind in ("hard", "others"):
        of_model = {model: group[kind] for model, group in groups.items()}
        ahead = rivals.ahead_of_truth(method, queries, table["model"], of_model, first_exemplar)
        columns[kind] = [len(of_model[model]) for model in table["model"]]
        columns[f"{kind}_ahead"] = _without_padding(ahead, queries.truth)
    return columns


def _without_padding(values: np.ndarray, truth: np.ndarray) -> list[np.ndarray]:
    return [row[mask] for row, mask in zip(values, truth >= 0, strict=True)]


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of all cases")
    parser.add_argument("--exemplar-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--distractors", type=Path, required=True, help="parquet file of the distractors")
    parser.add_argument("--distractor-features", type=Path, required=True, help="their features")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="shards of the case")
    parser.add_argument("--sample-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--head", type=Path, required=True, help="safetensors file of the head")
    parser.add_argument("--calibration", type=Path, required=True, help="JSON file of step calibrate")
    parser.add_argument("--output", type=Path, required=True, help="parquet file to write")
    parser.add_settings()
    args = parser.parse_args()

    encoder = args.settings["encoder"]
    exemplars = features.read_exemplars(args.exemplars, args.exemplar_features, encoder)
    distractors = artifacts.read_table(args.distractors, ["id", "class"])
    samples, sample_features = features.read_samples(args.sample_manifests, args.sample_features, encoder)
    truth = exemplars.truth(samples)
    mapped = features.map_distractors(args.distractor_features, encoder)
    read = {args.exemplar_features[0]: exemplars.features, args.sample_features[0]: sample_features}
    features.check_widths({**read, args.distractor_features: mapped})
    if len(mapped) != len(distractors):
        raise ValueError(
            f"{args.distractor_features}: {len(mapped)} rows, but {args.distractors} has {len(distractors)}"
        )

    fitted = artifacts.read_json(args.calibration)
    name, head = args.settings["method"], heads.read_head(args.head, encoder)
    method = plugins.load("methods", name).load(
        plugins.settings("methods", name, args.settings),
        head,
        Calibration(fitted["tau"], fitted["lambda"]),
        args.settings["memory_mb"],
    )
    method.prepare(Candidates(mapped, exemplars.features))
    queries = Queries(sample_features, truth)
    names = np.concatenate([distractors["id"].to_numpy(object), exemplars.table["id"].to_numpy(object)])
    table = to_table(samples, exemplars, truth, names, method.rank(queries))
    table = table.assign(**count_rivals(method, queries, table, exemplars.table, distractors["class"]))

    inputs = {"head": args.head, "calibration": args.calibration, "distractor_features": args.distractor_features}
    inputs |= {f"samples_{file.stem}": file for file in args.sample_features}
    provenance = artifacts.make_provenance(args.settings, inputs)
    artifacts.write_table(args.output, table, provenance)


if __name__ == "__main__":
    cli.run(main)
