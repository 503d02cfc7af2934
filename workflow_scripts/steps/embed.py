"""Features of images: of every row of a parquet file, or of every sample of a shard.

Writes float32 features as the encoder gives them, not normalised, in the order of their source; the hash of the
source stands in the provenance. Of a parquet file: one tensor `features`. Of a shard: one tensor per prompt set, and
in the provenance the rows of each model: `rows[prompt_set][model] = [start, stop]`.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.encoders import Encoder

BATCH = 64  # images per forward pass


def embed_files(files: Sequence[Path], encoder: Encoder) -> tuple[np.ndarray, list[list[int]]]:
    """Encodes the column `image` of parquet files; images may have any sizes.

    Returns:
        features [n, d] of all rows, file by file, and the rows [start, stop] of each file.

    Raises:
        ValueError: an image cannot be read, or its features are not finite; the message names file and row.
    """
    bounds = list(accumulate((artifacts.count_rows(file) for file in files), initial=0))
    images = chain.from_iterable(map(artifacts.iter_images, files))
    features = np.empty((bounds[-1], encoder.dim), np.float32)
    for start in tqdm(range(0, len(features), BATCH), desc=files[0].stem, unit="batch", mininterval=5):
        stop = min(start + BATCH, len(features))
        inputs = torch.cat([encoder.preprocess(next(images)[None]) for _ in range(start, stop)])  # [b, 3, s, s]
        features[start:stop] = encoder(inputs).numpy()
    for file, (start, stop) in zip(files, pairwise(bounds), strict=True):
        bad = np.flatnonzero(~np.isfinite(features[start:stop]).all(1))
        if len(bad):
            raise ValueError(f"{file}: row {bad[0]}: the features of its image are not finite")
    return features, [list(span) for span in pairwise(bounds)]


def embed_shard(manifest: Path, encoder: Encoder) -> tuple[dict[str, np.ndarray], dict[str, dict[str, list[int]]]]:
    """Features [n, d] of a shard's samples, and the rows [start, stop] of each model, both by prompt set.

    Raises:
        ValueError: a file of samples is not the one that the manifest lists.
    """
    entries = defaultdict(list)
    for entry in artifacts.read_json(manifest)["models"]:
        file = manifest.parent / entry["file"]
        if artifacts.file_hash(file) != entry["sha256"]:
            raise ValueError(f"{file}: its sha256 is not the one in {manifest}; delete both and run again")
        entries[entry["prompt_set"]].append((entry["model"], file))
    features, rows = {}, {}
    for prompt_set, members in entries.items():
        models, files = zip(*members, strict=True)
        features[prompt_set], spans = embed_files(files, encoder)
        rows[prompt_set] = dict(zip(models, spans, strict=True))
    return features, rows


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--encoder", required=True, help="name of a plug-in in encoders/")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--exemplars", type=Path, help="parquet file with a column `image`: exemplars or distractors")
    source.add_argument("--samples", type=Path, help="manifest of a shard of samples")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_settings()
    args = parser.parse_args()

    encoder = plugins.load("encoders", args.encoder).load(args.settings)
    settings = {**args.settings, "encoder": args.encoder}
    inputs = {"source": args.samples or args.exemplars}
    if "path" in settings:
        inputs["weights"] = settings["path"]
    provenance = artifacts.make_provenance(settings, inputs)
    if args.samples:
        tensors, provenance["rows"] = embed_shard(args.samples, encoder)
    else:
        tensors = {"features": embed_files([args.exemplars], encoder)[0]}
    artifacts.write_tensors(args.output, tensors, provenance)


if __name__ == "__main__":
    cli.run(main)
