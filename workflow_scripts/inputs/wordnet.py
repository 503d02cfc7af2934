"""Coarse class words of ImageNet classes, from WordNet 3.0: an ImageNet id is `n` and the offset of its noun synset."""

import re
from collections.abc import Mapping
from pathlib import Path

from workflow_scripts.study.study import read_lines

WNID = re.compile(r"n(\d{8})")
HYPERNYMS = ("@", "@i")


def read_hypernyms(file: Path) -> dict[str, tuple[str, ...]]:
    """The noun synsets of WordNet's `data.noun` and the offsets of their direct hypernyms, in the file's order.

    Source: the manual page wndb(5WN). A line is `offset lex_filenum ss_type w_cnt (word lex_id)... p_cnt
    (pointer offset pos source/target)... | gloss`, `w_cnt` in hexadecimal; lines of the licence start with a space.

    Raises:
        ValueError: a line has another form.
    """
    hypernyms = {}
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.startswith(" "):
            continue
        try:
            offset, pointers = _parse(line)
        except (IndexError, ValueError):
            raise ValueError(f"{file}:{number}: expected a noun synset of WordNet 3.0, got {line[:60]!r}") from None
        hypernyms[offset] = pointers
    return hypernyms


def _parse(line: str) -> tuple[str, tuple[str, ...]]:
    fields = line.split()
    first = 4 + 2 * int(fields[3], 16)
    pointers = [fields[first + 1 + 4 * i : first + 5 + 4 * i] for i in range(int(fields[first]))]
    return fields[0], tuple(pointer[1] for pointer in pointers if pointer[0] in HYPERNYMS)


def read_words(file: Path) -> dict[str, str]:
    """Class word by synset offset, in the order of the list; its lines are `offset<TAB>word<TAB>lemma`."""
    words = {}
    for line in read_lines(file):
        offset, *rest = line.split("\t")
        if not re.fullmatch(r"\d{8}", offset) or len(rest) != 2 or not rest[0]:
            raise ValueError(f"{file}: expected an 8-digit offset, a word and a lemma between tabs, got {line!r}")
        if offset in words:
            raise ValueError(f"{file}: offset {offset} is in it twice")
        words[offset] = rest[0]
    return words


def class_word(wnid: str, hypernyms: Mapping[str, tuple[str, ...]], words: Mapping[str, str]) -> str:
    """The word of the nearest synset in `words`, from the class upwards; of equally near ones, the first in `words`.

    Raises:
        ValueError: the id is not that of a noun synset, or neither it nor an ancestor is in `words`.
    """
    match = WNID.fullmatch(wnid)
    if not match or match[1] not in hypernyms:
        raise ValueError(f"class {wnid!r}: not a noun synset of WordNet 3.0; expected n and an 8-digit offset")
    order = {offset: rank for rank, offset in enumerate(words)}
    level, visited = {match[1]}, set()
    while level:
        if candidates := level & order.keys():
            return words[min(candidates, key=order.__getitem__)]
        visited |= level
        level = {parent for synset in level for parent in hypernyms[synset]} - visited
    raise ValueError(f"class {wnid}: none of its hypernyms is in the list of class words; add one of them")
