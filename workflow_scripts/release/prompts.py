"""The prompts of the released samples, in the authors' `path_to_prompts.json`."""

import json
from collections.abc import Mapping
from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.release.entries import ROOT

FILE = "path_to_prompts.json"  # beside the images, in some of the downloads


def read_prompts(release: Path) -> Mapping[str, str]:
    """The prompt of each sample by its path; none if the release's folder has no such file."""
    file = release / ROOT / FILE
    return read_path_to_prompts(file) if file.is_file() else {}


def read_path_to_prompts(file: Path) -> dict[str, str]:
    """The prompt of each image by its path; raises `ValueError` if the file has another form, or a path twice."""
    try:
        entries = json.loads(file.read_bytes(), object_pairs_hook=_Pairs)
    except ValueError as error:  # no JSON, or no UTF-8
        raise artifacts.unreadable(file, "not valid JSON", error) from error
    if not isinstance(entries, _Pairs):
        raise ValueError(f"{file}: expected one JSON object with the prompt of each path")
    prompts: dict[str, str] = {}
    for path, prompt in entries:
        if not path.startswith(f"{ROOT}/"):
            raise ValueError(f"{file}: {path!r}: expected the path of an image, which starts with {ROOT}/")
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError(f"{file}: {path!r} has the prompt {str(prompt)[:60]!r}; expected a text")
        if path in prompts:
            raise ValueError(f"{file}: {path!r} is in it twice")
        prompts[path] = prompt
    return prompts


class _Pairs(list):
    """The members of a JSON object, including repeated ones."""
