"""Features of the samples of a shard."""

from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.encoders import Encoder, encode_files
from workflow_scripts.evaluation.features import FeaturesOfShard
from workflow_scripts.ground_truth.shards import read_manifest


def embed_shard(manifest: Path, encoder: Encoder, workers: int, reads: str) -> FeaturesOfShard:
    """Features of a shard's samples.

    Args:
        workers: as in `encode_files`, and so is `reads`.

    Raises:
        ValueError: a file of samples is not the one that the manifest lists, or it is no manifest.
    """
    entries = read_manifest(manifest)
    files = [entry["file"] for entry in entries]
    for file, entry in zip(files, entries, strict=True):
        if artifacts.file_hash(file) != entry["sha256"]:
            raise ValueError(f"{file}: its sha256 is not the one in {manifest}; delete both and run again")
    gathered = FeaturesOfShard()
    for entry, features in zip(entries, encode_files(files, encoder, workers, reads), strict=True):
        gathered.add(entry, features)
    return gathered
