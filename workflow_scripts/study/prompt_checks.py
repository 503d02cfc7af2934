"""Checks the lists of prompts of a study."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workflow_scripts.study.study import CLASS_WORD, PROMPT_SETS, TOKEN, file_of, prompts_of, read_lines

TOKENS = {"object": "{subject}", "style": TOKEN}  # what each prompt of a kind of models must hold


def problems(config: Mapping[str, Any], root: Path, words: Mapping[str, Mapping[str, None]]) -> Iterator[str]:
    """Every problem, one line each: key, file, value, and what would be valid.

    Args:
        words: the class words of the cases' lists, by the prompts that the cases have.
    """
    kinds = {prompts_of(case): case["kind"] for case in config["cases"].values()}
    for name, section in config["prompts"].items():
        token = TOKENS[kinds.get(name, name if name in TOKENS else "style")]
        yield from _list_problems(root / section["regularization"], f"prompts.{name}.regularization", "", 1, "", root)
        for prompt_set in PROMPT_SETS:
            for word in _words_of(section[prompt_set], words.get(name, {})):
                yield from _set_problems(section[prompt_set], f"prompts.{name}.{prompt_set}", word, token, root)


def _words_of(lists: Mapping[str, Any], words: Mapping[str, None]) -> list[str]:
    """All class words if each has a list of its own, else any."""
    return list(words) if any(CLASS_WORD in section["file"] for section in lists.values()) else [""]


def _set_problems(lists: Mapping[str, Any], key: str, word: str, token: str, root: Path) -> Iterator[str]:
    files = {split: file_of(root / section["file"], word) for split, section in lists.items()}
    for split, file in files.items():
        yield from _list_problems(file, f"{key}.{split}", ".file", lists[split]["count"], token, root)
    yield from _overlap_problems(files, key, root)


def _list_problems(file: Path, key: str, of_file: str, count: int, token: str, root: Path) -> Iterator[str]:
    name = file.relative_to(root)
    if not file.is_file():
        yield f"{key}{of_file}: no such file {name}"
        return
    templates = read_lines(file)
    if not templates:
        yield f"{key}{of_file}: {name} is empty; it needs one prompt a line"
    elif count > len(templates):
        yield f"{key}.count: {count} prompts asked, but {name} has {len(templates)}"
    for template in templates:
        if token not in template:
            yield f"{key}{of_file}: {name} has the prompt {template!r}; each must hold {token}"
    for template, times in Counter(templates).items():
        if times > 1:
            yield f"{key}{of_file}: {name} has the prompt {template!r} {times} times"


def _overlap_problems(files: Mapping[str, Path], key: str, root: Path) -> Iterator[str]:
    """Prompts of val and test are held out: none may be in the list for training (paper section 4)."""
    if "train" not in files or not all(file.is_file() for file in files.values()):
        return
    train = set(read_lines(files["train"]))
    for split in files.keys() - {"train"}:
        for template in sorted(train & set(read_lines(files[split]))):
            shared = files["train"].relative_to(root)
            yield f"{key}.{split}.file: {files[split].relative_to(root)} shares the prompt {template!r} with {shared}"
