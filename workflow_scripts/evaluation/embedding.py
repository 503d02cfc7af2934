"""Features of the samples of a shard."""

from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.encoders import Encoder, encode_files
from workflow_scripts.evaluation.features import ShardFeatures
from workflow_scripts.ground_truth.shards import read_manifest


def embed_shard(manifest: Path, encoder: Encoder, workers: int, reads: str) -> ShardFeatures:
    """Encodes the samples of a shard; raises `ValueError` if a file of samples is not the one in the manifest.

    `workers` and `reads` are as in `encode_files`.
    """
    entries = read_manifest(manifest)
    if not entries:  # of an incomplete release, no model of the shard has all its exemplars
        return ShardFeatures({}, {})
    for entry in entries:
        if artifacts.file_hash(entry["file"]) != entry["sha256"]:
            raise ValueError(f"{entry['file']}: its sha256 is not the one in {manifest}; delete both and run again")
    files = [entry["file"] for entry in entries]
    return ShardFeatures.gather(entries, encode_files(files, encoder, workers, reads))
