"""Provenance: what an artefact was made with."""

import hashlib
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from workflow_scripts.artifacts.files import input_hash
from workflow_scripts.cli import canonical_json

PROVENANCE = "provenance"  # its name in a header or a JSON record
VERSIONED = ("torch", "diffusers", "transformers", "timm", "open_clip_torch", "numpy")


def settings_hash(settings: Any) -> str:
    """First 16 hex digits of the SHA-256 of `settings` in canonical JSON."""
    return hashlib.sha256(canonical_json(settings).encode()).hexdigest()[:16]


def make_provenance(settings: Mapping[str, Any], inputs: Mapping[str, str | os.PathLike]) -> dict:
    """What an artefact was made with: its settings, the hash of every input file, and the library versions.

    Inputs that are folders (a base model) are hashed over their files' names and bytes.
    """
    return {
        "settings": dict(settings),
        "inputs": {name: input_hash(path) for name, path in inputs.items()},
        "versions": _versions(),
    }


def check_provenance(path: str | os.PathLike, provenance: Mapping[str, Any], expect: Mapping[str, Any] | None) -> None:
    """Raises `ValueError` unless every key of `expect` has the same value in the provenance's settings."""
    settings = provenance.get("settings", {})
    for key, value in (expect or {}).items():
        if settings.get(key) != value:
            raise ValueError(f"{path}: {key} is {settings.get(key)!r} in the file's provenance, expected {value!r}")


def _versions() -> dict[str, str]:
    installed = {}
    for package in VERSIONED:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            continue
    return installed
