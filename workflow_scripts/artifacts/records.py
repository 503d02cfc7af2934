"""Artefacts that a person can read, too: text, JSON records and CSV tables."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.artifacts.files import atomic, unreadable

if TYPE_CHECKING:
    import pandas as pd


def read_text(path: str | os.PathLike) -> str:
    """The text of a file in UTF-8."""
    return Path(path).read_text(encoding="utf-8")


def write_text(path: str | os.PathLike, text: str, sidecar: bool = True) -> None:
    """Writes a text in UTF-8."""
    with atomic(path, sidecar) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: str | os.PathLike) -> Any:
    """The value in a JSON file; raises `ValueError` naming the file if it is not JSON."""
    try:
        return json.loads(read_text(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise unreadable(path, "not valid JSON", error) from error


def write_json(path: str | os.PathLike, value: Any, sidecar: bool = True) -> None:
    """Writes a JSON value with sorted keys, one entry a line."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", sidecar)


def read_csv(path: str | os.PathLike, **options: Any) -> "pd.DataFrame":
    """A CSV table; `options` as for `pandas.read_csv`. Raises `ValueError` naming the file if it is not CSV."""
    import pandas as pd

    try:
        return pd.read_csv(path, **options)
    except ValueError as error:  # those of pandas' parser, and of an encoding other than UTF-8
        raise unreadable(path, "not a valid CSV table", error) from error


def write_csv(path: str | os.PathLike, table: "pd.DataFrame", digits: int | None = None, sidecar: bool = True) -> None:
    """Writes a data frame as CSV, without its index.

    Args:
        digits: significant digits of fractions; None keeps all.
    """
    write_text(path, table.to_csv(index=False, float_format=digits and f"%.{digits}g"), sidecar)
