"""The JSON files of the release: an entry for each customized model, with its exemplars and its samples."""

import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from workflow_scripts import artifacts

log = logging.getLogger(__name__)
ROOT = "dataset"  # the folder that every path starts with
PROMPT_SET = {"gpt": "llm", "media": "procedural", "object": "procedural"}  # by their name
OURS_FIRST = ("llm", "procedural")
CASE = {"imagenet_seen": "observed_imagenet", "imagenet_unseen": "unobserved_imagenet"}  # theirs; others keep the name
KEYS = {"class_id", "category", "exemplar", "synth"}
RUN = 4  # samples of a prompt: their numbers follow each other
NUMBERED = re.compile(r"samples/(\d+)\.(png|jpg|jpeg)")
MISNAMED = {"exemplar": "train"}  # the vehicle: a word of the program took its place in the file
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Sample:
    """An image that a model made: the file, and which image of which prompt it is, both from 0."""

    path: str
    prompt_index: int
    index: int


@dataclass(frozen=True)
class Entry:
    """A customized model. Paths are relative to the release's folder.

    Attributes:
        class_id: name of the exemplar (`n01440764_0008`) or of the group of exemplars.
        class_word: None for styles.
        exemplars: in the file's order.
        samples: by prompt set, prompt by prompt.
    """

    class_id: str
    class_word: str | None
    exemplars: tuple[str, ...]
    samples: Mapping[str, tuple[Sample, ...]]


def json_of(folder: Path, case: str) -> Path:
    """The file of a case; a case that bears none of the paper's four names has a file of its own name."""
    return folder / ROOT / "json" / f"test_{CASE.get(case, case)}.json"


def read_entries(json_file: Path) -> list[Entry]:
    """The entries of a file, in its order.

    Raises:
        ValueError: it does not have the released layout; the message names file, entry and key.
    """
    if not json_file.is_file():
        raise ValueError(f"{json_file}: no such file; it belongs to the released test set, see docs/release.md")
    found = artifacts.read_json(json_file)
    if not isinstance(found, list) or not found:
        raise ValueError(f"{json_file}: expected a list of entries, one for each model")
    entries = [_entry(value, f"{json_file}: entry {i}") for i, value in enumerate(found)]
    for class_id, count in Counter(entry.class_id for entry in entries).items():
        if count > 1:
            raise ValueError(f"{json_file}: class_id {class_id!r} stands in {count} entries; each model has one")
    misnamed = sum(value["category"] in MISNAMED for value in found)
    if misnamed:
        log.warning("%s: %d entries of category 'exemplar'; read as 'train', the vehicle", json_file, misnamed)
    return entries


def _entry(value: Any, place: str) -> Entry:
    if not isinstance(value, dict) or value.keys() != KEYS:
        given = ", ".join(sorted(value)) if isinstance(value, dict) else type(value).__name__
        raise ValueError(f"{place}: expected the keys {', '.join(sorted(KEYS))}, it has {given}")
    class_id, category, synth = value["class_id"], value["category"], value["synth"]
    if not isinstance(class_id, str) or not class_id:
        raise ValueError(f"{place}: class_id: {class_id!r} is no name")
    if not (category is None or (isinstance(category, str) and category)):
        raise ValueError(f"{place}: category: {category!r} is neither a class word nor null")
    if not isinstance(synth, dict) or sorted(PROMPT_SET.get(name, name) for name in synth) != list(OURS_FIRST):
        given = ", ".join(synth) if isinstance(synth, dict) else repr(synth)
        raise ValueError(f"{place}: synth: expected gpt, and media or object, it has {given}")
    by_set = {PROMPT_SET[name]: _samples(files, f"{place}: synth.{name}") for name, files in synth.items()}
    exemplars = tuple(_paths(value["exemplar"], f"{place}: exemplar"))
    word = MISNAMED.get(category, category)
    return Entry(class_id, word, exemplars, {name: by_set[name] for name in OURS_FIRST})


def _samples(value: Any, place: str) -> tuple[Sample, ...]:
    samples = {}
    for path in _paths(value, place):
        numbered = NUMBERED.search(path, path.rfind("samples/"))
        if not numbered or numbered.end() != len(path):
            raise ValueError(f"{place}: {path!r} is no sample; expected a path that ends in samples/00123.png")
        number = int(numbered[1])
        if number in samples:
            raise ValueError(f"{place}: two samples of number {number}: {samples[number].path!r} and {path!r}")
        samples[number] = Sample(path, *divmod(number, RUN))
    return tuple(samples[number] for number in sorted(samples))


def _paths(value: Any, place: str) -> Iterator[str]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{place}: expected a list of paths, it is {value!r:.60}")
    for path in value:
        if not isinstance(path, str) or "\0" in path or "\\" in path:
            raise ValueError(f"{place}: {path!r} is no path")
        parts = PurePosixPath(path).parts
        if parts[:1] != (ROOT,) or len(parts) < 2 or ".." in parts:
            raise ValueError(f"{place}: {path!r} leads out of the release; a path must start with {ROOT}/")
        yield path


def read_models(folder: Path, case: str, models: Sequence[str]) -> dict[str, Entry]:
    """The entries of some test models of a case, by the model: `bamfg_test_00007` is entry 7, others have their name.

    Raises:
        ValueError: a model has no entry, or the file is not as expected.
    """
    file = json_of(folder, case)
    entries = read_entries(file)
    by_name = {entry.class_id: entry for entry in entries}
    by_name |= {f"{case}_test_{place:05d}": entry for place, entry in enumerate(entries)}
    lacking = [model for model in models if model not in by_name]
    if lacking:
        raise ValueError(
            f"{file}: lacks {len(lacking)} of {len(models)} models of {case}, such as {', '.join(lacking[:SHOWN])}; "
            f"its {len(entries)} entries are of {', '.join(list(by_name)[:SHOWN])} ..."
        )
    return {model: by_name[model] for model in models}
