"""The images of the release: which of them are missing, and their bytes."""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, Mark, find_twins
from workflow_scripts.release.entries import SHOWN, Entry, read_models
from workflow_scripts.study.study import Case, Model

# The release does not say who made an image, nor what the base model has seen of it.
NOT_KNOWN = {"new_artist": "boolean", "seen_twin": "boolean"}
LICENCE = "CC-BY-NC-SA-4.0"  # of the release; its images belong to others


def complete(
    folder: Path, entries: Mapping[str, Entry], absent: Sequence[str], allow_missing: bool
) -> dict[str, Entry]:
    """The models that have all their exemplars; the ranks of a model with fewer would mean something else.

    Args:
        absent: as `missing_exemplars` lists them.

    Raises:
        ValueError: an exemplar is missing, unless that is allowed.
    """
    if absent and not allow_missing:
        raise ValueError(refusal(folder, absent, "exemplars"))
    gone = set(absent)
    return {model: entry for model, entry in entries.items() if gone.isdisjoint(entry.exemplars)}


def missing_exemplars(folder: Path, entries: Mapping[str, Entry]) -> list[str]:
    """The exemplars of these models that are not there, sorted."""
    return missing(folder, (path for entry in entries.values() for path in entry.exemplars))


def missing(folder: Path, paths: Iterable[str]) -> list[str]:
    """Those of these images that are not there, sorted."""
    return sorted({path for path in paths if not (folder / path).is_file()})


def refusal(folder: Path, paths: Sequence[str], what: str) -> str:
    """The message about missing images."""
    more = " ..." if len(paths) > SHOWN else ""
    return (
        f"{folder}: {len(paths)} {what} are missing: {', '.join(paths[:SHOWN])}{more}; see docs/release.md, or "
        "evaluate the others with allow_missing=true, which lists all of these in report/missing.json"
    )


def read_case(folder: Path, case: Case) -> dict[str, Entry]:
    """The entries of a case's models; raises as `read_models` does."""
    return read_models(folder, case.name, [model.name for model in case.models["test"]])


def exemplar_parts(folder: Path, case: Case, entries: Mapping[str, Entry]) -> Iterator[pd.DataFrame]:
    """The exemplars of a case, a table with EXEMPLAR_COLUMNS for each model.

    Args:
        entries: of the models that have all their exemplars, see `complete`.

    Raises:
        ValueError: there is no entry, or an image is not one that encoders read.
    """
    models = {model.name: model for model in case.models["test"]}
    if not entries:
        raise ValueError(
            f"{folder}: no model of {case.name} has all its exemplars; see docs/release.md, or take {case.name} out of "
            "the study's cases and training sets"
        )
    twins = find_twins((path, _mark(folder, path)) for entry in entries.values() for path in entry.exemplars)
    for name, entry in entries.items():
        rows = [_exemplar(folder, models[name], entry, k, twins) for k in range(len(entry.exemplars))]
        yield pd.DataFrame(rows).astype(NOT_KNOWN)[list(EXEMPLAR_COLUMNS)]


def _mark(folder: Path, path: str) -> Mark:
    return Mark.of(opened(folder, path)[1])


def _exemplar(folder: Path, model: Model, entry: Entry, k: int, twins: Mapping[str, list[str]]) -> dict:
    path = entry.exemplars[k]
    image, word = encoded(folder, path), entry.class_word or model.class_word
    return {
        "model": model.name,
        "split": model.split,
        "class": model.class_name if entry.class_word else entry.class_id,
        "class_word": word,
        "k": k,
        "image": image,
        "caption": f"a picture of {word}",
        "sha256": hashlib.sha256(image).hexdigest(),
        "source": path,
        "licence": LICENCE,
        "author": "",
        "twins": twins.get(path, []),
        **dict.fromkeys(NOT_KNOWN),
    }


def encoded(folder: Path, path: str) -> bytes:
    """The bytes of an image alone; otherwise as `opened`."""
    return opened(folder, path)[0]


def opened(folder: Path, path: str) -> tuple[bytes, Image.Image]:
    """An image and its bytes, unchanged unless it has a mode that `artifacts` refuses (CMYK, a palette): then as RGB.

    Raises:
        ValueError: the image is not one that encoders read, to its last pixel.
    """
    data = (folder / path).read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in artifacts.MODES:
                data = artifacts.encode_image(image.convert("RGB"), "PNG")
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise artifacts.unreadable(folder / path, "not a readable image", error) from error
    return data, artifacts.open_image(data, str(folder / path))
