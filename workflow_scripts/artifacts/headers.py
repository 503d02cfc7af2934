"""Headers of artefacts: the provenance of each, and the columns of a table."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workflow_scripts.artifacts.provenance import PROVENANCE

if TYPE_CHECKING:
    import pyarrow as pa


def read_provenance(path: str | os.PathLike) -> dict:
    """The provenance in the header of a safetensors or parquet artefact; `{}` if it has none."""
    if str(path).endswith(".safetensors"):
        return json.loads(read_metadata(path).get(PROVENANCE, "{}"))
    return provenance_of(read_schema(path))


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
    """The texts in the header of a safetensors file, by name."""
    with open_tensors(path) as file:
        return file.metadata() or {}


@contextmanager
def open_tensors(path: str | os.PathLike) -> Iterator[Any]:
    """Opens a safetensors file; raises `ValueError` naming it if it is corrupt."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except SafetensorError as error:
        raise ValueError(f"{path}: not a valid safetensors file ({error}); delete it and run again") from error


def read_schema(path: str | os.PathLike) -> "pa.Schema":
    """The columns of a parquet file; raises `ValueError` naming it if it is corrupt."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{path}: not a valid parquet file ({error}); delete it and run again") from error


def provenance_of(schema: "pa.Schema") -> dict:
    return json.loads((schema.metadata or {}).get(PROVENANCE.encode(), b"{}"))
