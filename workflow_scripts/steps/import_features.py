"""Features that the authors' code extracted, in our layout: of the distractors, or of a case's exemplars or samples.

Features stay as they are, float32 and of any length; only their order may change, to that of the file that they are of.

Example:
    python -m workflow_scripts.steps.import_features --features data/abc_release/feats/dino/laion_subset.pth \\
        --distractors results/abc_release/exemplars/distractors.parquet \\
        --output results/abc_release/features/dino_vitb16/distractors.safetensors \\
        --settings '{"encoder": "dino_vitb16"}'
"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from workflow_scripts import artifacts, cli
from workflow_scripts.evaluation.features import read_manifest
from workflow_scripts.release import features
from workflow_scripts.release.entries import read_models

Tensors = dict[str, np.ndarray]
Rows = dict[str, dict[str, list[int]]]


def of_distractors(file: Path, distractors: Path) -> Tensors:
    """Features [n, d] of the rows of a file of distractors; not copied where the order is theirs."""
    rows, names = features.read_distractors(file), artifacts.read_table(distractors, ["id"])["id"].tolist()
    if names != rows.paths:
        return {"features": rows.of(names, f"{file}: feats")}
    return {"features": rows.features}


def of_exemplars(file: Path, exemplars: Path) -> Tensors:
    """Features [e, d] of the rows of a file of exemplars."""
    paths = artifacts.read_table(exemplars, ["source"])["source"].tolist()
    return {"features": features.read_test(file).exemplars.of(paths, f"{file}: exemplar_tensors")}


def of_samples(file: Path, manifest: Path, release: Path) -> tuple[Tensors, Rows]:
    """Features [n, d] of a shard's samples by prompt set, and the rows of each model, as step embed writes them."""
    read, listed = features.read_test(file), read_manifest(manifest)
    models = list(dict.fromkeys(entry["model"] for entry in listed))
    entries = read_models(release, listed[0]["case"], models) if listed else {}
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    rows: Rows = defaultdict(dict)
    for entry in listed:
        prompt_set, model = entry["prompt_set"], entry["model"]
        path_of = {(s.prompt_index, s.index): s.path for s in entries[model].samples[prompt_set]}
        table = artifacts.read_table(entry["file"], ["prompt_index", "index"])
        paths = [path_of[place] for place in table.itertuples(index=False, name=None)]
        start = sum(map(len, parts[prompt_set]))
        parts[prompt_set].append(read.samples[prompt_set].of(paths, f"{file}: synth_tensors"))
        rows[prompt_set][model] = [start, start + len(paths)]
    return {prompt_set: np.concatenate(of_set) for prompt_set, of_set in parts.items()}, dict(rows)


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--features", type=Path, required=True, help="file of the authors' extract_feat.py")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--distractors", type=Path, help="parquet file of step import_distractors")
    source.add_argument("--exemplars", type=Path, help="parquet file of exemplars from the release")
    source.add_argument("--samples", type=Path, help="manifest of step import_samples")
    parser.add_argument("--release", type=Path, help="folder that holds dataset/, for --samples")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_settings()
    args = parser.parse_args()
    if args.samples and not args.release:
        parser.error("--samples needs --release, whose JSON files say which path a sample had")

    of = args.distractors or args.exemplars or args.samples
    provenance = artifacts.make_provenance(args.settings, {"source": of, "features": args.features})
    if args.samples:
        tensors, provenance["rows"] = of_samples(args.features, args.samples, args.release)
    elif args.exemplars:
        tensors = of_exemplars(args.features, args.exemplars)
    else:
        tensors = of_distractors(args.features, args.distractors)
    artifacts.write_tensors(args.output, tensors, provenance)


if __name__ == "__main__":
    cli.run(main)
