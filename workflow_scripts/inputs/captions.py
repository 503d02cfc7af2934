"""Captions of class words from a language model, as lists of prompts."""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from workflow_scripts import artifacts
from workflow_scripts.study.study import file_of, read_lines

SUBJECT = "{subject}"
COUNTS = {"train": 15, "test": 10}  # captions of a class word (paper section 4)
WORDS = range(4, 17)  # of a caption
ROUNDS = 5  # questions for one class word

log = logging.getLogger(__name__)

INSTRUCTION = """\
Write {count} captions of photographs. In each, the subject is a "{word}", and the word "{word}" stands exactly once.
The captions must differ widely in action, place, light and point of view.
Each must be true of any kind of {word}: name no particular kind.
Each must describe one picture that a text-to-image model can make look real, in 5 to 14 words.
Answer with the captions alone, one on a line, without numbers and quotation marks."""
AGAIN = "\nThese captions are there already; write other ones:\n{there}"

LABEL = re.compile(r"^\s*(?:\d+[.):]|[-*•])\s+")  # "1. ", "- "
MARKS = "\"'“”‘’`"


def instruction(word: str, count: int, there: Iterable[str] = ()) -> str:
    """The question for a language model, much like the paper's (section 4); it lists the templates `there`."""
    text = INSTRUCTION.format(count=count, word=word)
    captions = "\n".join(template.replace(SUBJECT, word) for template in there)
    return text + AGAIN.format(there=captions) if captions else text


def accept(answer: str, word: str, there: Iterable[str]) -> list[str]:
    """The valid captions of an answer, as templates, in which `{subject}` stands for the class word.

    A caption has 4 to 16 words, one of which is the class word. It does not repeat a template of `there` or an earlier
    caption; case does not matter. An article before the class word stays ("The <new1> cat groomed itself"), but "an"
    becomes "a", because the token follows it.
    """
    accepted, known = [], {template.casefold() for template in there}
    for line in answer.splitlines():
        template = to_template(line, word)
        if template and template.casefold() not in known:
            known.add(template.casefold())
            accepted.append(template)
    return accepted


def to_template(line: str, word: str) -> str | None:
    """The template of a caption; None if the caption is not valid."""
    caption = LABEL.sub("", line).strip().strip(MARKS).rstrip(". ")
    template, times = re.subn(rf"(?<![\w-]){re.escape(word)}(?![\w-])", SUBJECT, caption, flags=re.IGNORECASE)
    fits = times == 1 and len(caption.split()) in WORDS and caption.isprintable()
    if not fits or caption.startswith("#") or re.search(r"[{}<>]", caption):
        return None
    return re.sub(rf"\b([Aa])n (?={SUBJECT})", r"\1 ", template)


def list_files(folder: Path, word: str) -> dict[str, Path]:
    """The files with the lists of a class word, by split."""
    return {split: file_of(folder / f"{{class_word}}.{split}.txt", word) for split in COUNTS}


def read_lists(folder: Path, word: str) -> dict[str, list[str]]:
    """The templates in the lists of a class word, by split; none if a list does not exist."""
    return {split: read_lines(file) if file.exists() else [] for split, file in list_files(folder, word).items()}


def write_lists(folder: Path, word: str, lists: dict[str, list[str]], model: str) -> None:
    """Writes the lists of a class word, with a comment that names the model."""
    for split, file in list_files(folder, word).items():
        head = f'# Captions of the class word "{word}" ({split}), written by {model}.\n'
        artifacts.write_text(file, head + "".join(f"{line}\n" for line in lists[split]), sidecar=False)


def complete(lists: dict[str, list[str]]) -> bool:
    return all(len(lists[split]) >= count for split, count in COUNTS.items())


def write_captions(word: str, lists: dict[str, list[str]], ask: Callable[[str], str]) -> dict[str, list[str]]:
    """Completes the lists of a class word, first train, then test; raises `ValueError` if too few answers are valid."""
    there = [template for split in COUNTS for template in lists[split]]
    missing = {split: max(0, count - len(lists[split])) for split, count in COUNTS.items()}
    wanted, new = sum(missing.values()), []
    for _ in range(ROUNDS):
        answer = ask(instruction(word, wanted - len(new), there + new))
        new += accept(answer, word, there + new)[: wanted - len(new)]
        if len(new) == wanted:
            return {"train": lists["train"] + new[: missing["train"]], "test": lists["test"] + new[missing["train"] :]}
        log.info("%s: %d of %d captions are valid", word, len(new), wanted)
    raise ValueError(
        f"class word {word!r}: {len(new)} of {wanted} captions are valid after {ROUNDS} answers; the last one begins "
        f"{answer[:100]!r}; expected one caption per line, of 4 to 16 words, with the class word once"
    )
