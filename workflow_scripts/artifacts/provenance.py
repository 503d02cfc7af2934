"""Provenance: what an artefact was made with, in its header or beside it."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.artifacts.files import input_hash, recorded_hash, regular, sidecar_of, unreadable
from workflow_scripts.artifacts.records import parse_json, read_json
from workflow_scripts.cli import canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

PROVENANCE = "provenance"  # its name in a header or a JSON record
VERSIONED = ("torch", "diffusers", "transformers", "timm", "open_clip_torch", "numpy")


def settings_hash(settings: Any) -> str:
    """First 16 hex digits of the SHA-256 of `settings` in canonical JSON."""
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def make_provenance(settings: Mapping[str, Any], inputs: Mapping[str, str | os.PathLike]) -> dict:
    """What an artefact was made with: its settings, the hash of every input file, and the library versions.

    Inputs that are folders (a base model) are hashed over their files' names and bytes.

    Raises:
        ValueError: an input is not what its sidecar says: nothing shall be made from damaged bytes.
    """
    versions = {}
    for package in VERSIONED:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    hashes = {name: _proven_hash(path) for name, path in inputs.items()}
    return {"settings": dict(settings), "inputs": hashes, "versions": versions}


def _proven_hash(path: str | os.PathLike) -> str:
    digest = input_hash(path)
    if Path(path).is_file() and recorded_hash(path) not in (None, digest):
        raise ValueError(f"{path}: is damaged, or {sidecar_of(path)} is: `verify` tells how to mend it; then run again")
    return digest


def check_provenance(path: str | os.PathLike, provenance: Mapping[str, Any], expect: Mapping[str, Any] | None) -> None:
    """Raises `ValueError` unless every key of `expect` has the same value in the provenance's settings."""
    settings = provenance.get("settings", {})
    for key, value in (expect or {}).items():
        if settings.get(key) != value:
            raise ValueError(f"{path}: {key} is {settings.get(key)!r} in the file's provenance, expected {value!r}")


def read_provenance(path: str | os.PathLike) -> dict:
    """The provenance in the header of a safetensors or parquet artefact, or in a JSON record; `{}` if it has none.

    Raises:
        ValueError: the file is corrupt, or what it has is no provenance.
    """
    if str(path).endswith(".json"):
        record = read_json(path)
        return _checked(record.get(PROVENANCE, {}) if isinstance(record, dict) else record, path)
    if str(path).endswith(".safetensors"):
        return _checked(parse_json(read_metadata(path).get(PROVENANCE, "{}"), path), path)
    return provenance_of(read_schema(path), path)


def _checked(provenance: Any, path: str | os.PathLike) -> dict:
    """A provenance as the other modules expect it: an object, whose settings and inputs are objects, too."""
    parts = [provenance, *(provenance.get(key, {}) for key in ("settings", "inputs") if isinstance(provenance, dict))]
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError(f"{path}: its provenance is no record of settings and inputs")
    return provenance


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
    """The texts in the header of a safetensors file, by name."""
    with open_tensors(path) as file:
        return file.metadata() or {}


@contextmanager
def open_tensors(path: str | os.PathLike) -> Iterator[Any]:
    """Opens a safetensors file; raises `ValueError` naming it if it is corrupt."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(regular(path), framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise unreadable(path, "not a valid safetensors file", error) from error


def read_schema(path: str | os.PathLike) -> "pa.Schema":
    """The columns of a parquet file; raises `ValueError` naming it if it is corrupt."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(regular(path))
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise unreadable(path, "not a valid parquet file", error) from error


def provenance_of(schema: "pa.Schema", path: str | os.PathLike) -> dict:
    """The provenance in the header of a parquet file; raises `ValueError` if what it has is no provenance."""
    return _checked(parse_json((schema.metadata or {}).get(PROVENANCE.encode(), b"{}"), path), path)
