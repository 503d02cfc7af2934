"""The JSON files of the release: an entry for each customized model, with its exemplars and its samples."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from workflow_scripts import artifacts
from workflow_scripts.study.study import PROMPT_SETS

log = logging.getLogger(__name__)
ROOT = "dataset"  # the folder that every path starts with
PROMPT_SET = {"gpt": "llm", "media": "procedural", "object": "procedural"}  # by their name
CASE = {"imagenet_seen": "observed_imagenet", "imagenet_unseen": "unobserved_imagenet"}  # theirs, if it is another name
KEYS = {"class_id", "category", "exemplar", "synth"}
RUN = 4  # samples of a prompt: their numbers follow each other
NUMBERED = re.compile(r"samples/(\d+)\.(png|jpg|jpeg)")
MISNAMED = {"exemplar": "train"}  # the vehicle: the file has the word `exemplar` in place of it
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class ReleasedSample:
    """An image that a model made."""

    path: str
    prompt_index: int  # from 0
    index: int  # among the samples of the prompt, from 0


@dataclass(frozen=True)
class Entry:
    """A customized model. Paths are relative to the release's folder."""

    class_id: str  # name of the exemplar (`n01440764_0008`) or of the group of exemplars
    class_word: str | None  # None for styles
    exemplars: tuple[str, ...]
    samples: Mapping[str, tuple[ReleasedSample, ...]]  # by prompt set, prompt by prompt


def json_of(folder: Path, case: str) -> Path:
    """The file of a case."""
    return folder / ROOT / "json" / f"test_{CASE.get(case, case)}.json"


def read_entries(json_file: Path) -> list[Entry]:
    """The entries of a file, in its order; raises `ValueError` if it has another layout than the released files."""
    if not json_file.is_file():
        raise ValueError(f"{json_file}: no such file; it belongs to the released test set, see docs/release.md")
    values = artifacts.read_json(json_file)
    if not isinstance(values, list) or not values:
        raise ValueError(f"{json_file}: expected a list of entries, one for each model")
    entries = [_entry(value, f"{json_file}: entry {i}") for i, value in enumerate(values)]
    for class_id, count in Counter(entry.class_id for entry in entries).items():
        if count > 1:
            raise ValueError(f"{json_file}: class_id {class_id!r} is in {count} entries; each model has one")
    misnamed = sum(value["category"] in MISNAMED for value in values)
    if misnamed:
        log.warning("%s: %d entries of category 'exemplar' are read as 'train', the vehicle", json_file, misnamed)
    return entries


def _entry(value: Any, place: str) -> Entry:
    if not isinstance(value, dict) or value.keys() != KEYS:
        raise ValueError(f"{place}: expected the keys {', '.join(sorted(KEYS))}, it has {_keys(value)}")
    class_id, category, synth = value["class_id"], value["category"], value["synth"]
    if not isinstance(class_id, str) or not class_id:
        raise ValueError(f"{place}: class_id: {class_id!r} is not a name")
    if not (category is None or (isinstance(category, str) and category)):
        raise ValueError(f"{place}: category: {category!r} is neither a class word nor null")
    if not isinstance(synth, dict) or sorted(PROMPT_SET.get(name, name) for name in synth) != list(PROMPT_SETS):
        raise ValueError(f"{place}: synth: expected gpt, and media or object, it has {_keys(synth)}")
    samples = {PROMPT_SET[name]: _samples(files, f"{place}: synth.{name}") for name, files in synth.items()}
    exemplars = tuple(_paths(value["exemplar"], f"{place}: exemplar"))
    return Entry(class_id, MISNAMED.get(category, category), exemplars, samples)


def _keys(value: Any) -> str:
    return ", ".join(sorted(value)) if isinstance(value, dict) else repr(value)[:60]


def _samples(value: Any, place: str) -> tuple[ReleasedSample, ...]:
    samples = {}
    for path in _paths(value, place):
        numbered = NUMBERED.search(path, path.rfind("samples/"))
        if not numbered or numbered.end() != len(path):
            raise ValueError(f"{place}: {path!r} is not a sample; expected a path that ends in samples/00123.png")
        number = int(numbered[1])
        if number in samples:
            raise ValueError(f"{place}: two samples with number {number}: {samples[number].path!r} and {path!r}")
        samples[number] = ReleasedSample(path, *divmod(number, RUN))
    return tuple(samples[number] for number in sorted(samples))


def _paths(value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{place}: expected a list of paths, it is {value!r:.60}")
    for path in value:
        if not isinstance(path, str):
            raise ValueError(f"{place}: {path!r} is not a path")
        parts = PurePosixPath(path).parts
        if parts[:1] != (ROOT,) or len(parts) < 2 or ".." in parts:
            raise ValueError(f"{place}: {path!r} is not in the release; expected a path that starts with {ROOT}/")
        try:
            artifacts.inside(ROOT, path)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
        yield path


def read_models(folder: Path, case: str, models: Sequence[str]) -> dict[str, Entry]:
    """The entries of some models of a case. The name of a model is a class_id, or `bamfg_test_00007` for entry 7.

    Raises:
        ValueError: a model has no entry, or the file has another layout.
    """
    file = json_of(folder, case)
    entries = read_entries(file)
    by_name = {entry.class_id: entry for entry in entries}
    by_name |= {f"{case}_test_{place:05d}": entry for place, entry in enumerate(entries)}
    lacking = [model for model in models if model not in by_name]
    if lacking:
        raise ValueError(
            f"{file}: lacks {len(lacking)} of {len(models)} models of {case}, such as {', '.join(lacking[:SHOWN])}; "
            f"its {len(entries)} entries are {', '.join(list(by_name)[:SHOWN])} ..."
        )
    return {model: by_name[model] for model in models}
