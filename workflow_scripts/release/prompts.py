"""The prompts of the released samples."""

import json
from pathlib import Path
from typing import Any


def read_path_to_prompts(file: Path) -> dict[str, str]:
    """The prompts of the released images: the authors' `path_to_prompts.json`.

    One JSON object: the path of an image, which starts with `dataset/`, and its prompt. Only the name of
    the file tells its form; so a file of any other form is refused, not guessed at.

    Raises:
        ValueError: the file is of another form, or names an image twice.
    """
    try:
        entries = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_Pairs)
    except ValueError as error:  # no JSON, or no UTF-8
        raise ValueError(f"{file}: not valid JSON ({error})") from error
    if not isinstance(entries, _Pairs):
        raise ValueError(f"{file}: expected one JSON object, a prompt by the path of an image")
    prompts: dict[str, str] = {}
    for path, prompt in entries:
        _check_entry(file, path, prompt)
        if path in prompts:
            raise ValueError(f"{file}: {path!r} stands there twice")
        prompts[path] = prompt
    return prompts


class _Pairs(list):
    """The members of a JSON object, repeated ones, too."""


def _check_entry(file: Path, path: str, prompt: Any) -> None:
    if not path.startswith("dataset/"):
        raise ValueError(f"{file}: {path!r}: expected the path of an image, which starts with dataset/")
    if not isinstance(prompt, str) or not prompt.strip():
        raise ValueError(f"{file}: {path!r} has the prompt {str(prompt)[:60]!r}; expected a text")
