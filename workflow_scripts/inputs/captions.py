"""Prompts that come from elsewhere: captions from a language model, and the prompts of the released samples."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workflow_scripts import artifacts
from workflow_scripts.study.study import file_of, read_lines

SUBJECT = "{subject}"
COUNTS = {"train": 15, "test": 10}  # captions of a class word (paper section 4)
WORDS = range(4, 17)  # of a caption

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
    """What a language model is asked, in the spirit of the paper's instruction (section 4); `there` are templates."""
    text = INSTRUCTION.format(count=count, word=word)
    captions = "\n".join(template.replace(SUBJECT, word) for template in there)
    return text + AGAIN.format(there=captions) if captions else text


def accept(answer: str, word: str, there: Iterable[str]) -> list[str]:
    """The captions of an answer that are valid, as templates: `{subject}` stands for the class word.

    A caption holds the class word once, as a word of its own, has 4 to 16 words, and is not among the templates `there`
    or earlier in the answer, whatever its capitals. An article before the class word stays ("The <new1> cat groomed
    itself"), but "an" becomes "a": what follows now is the token.
    """
    templates, known = [], {template.casefold() for template in there}
    for line in answer.splitlines():
        template = to_template(line, word)
        if template and template.casefold() not in known:
            known.add(template.casefold())
            templates.append(template)
    return templates


def to_template(line: str, word: str) -> str | None:
    """The template of a caption; None if it is no valid one."""
    caption = LABEL.sub("", line).strip().strip(MARKS).rstrip(". ")
    template, times = re.subn(rf"(?<![\w-]){re.escape(word)}(?![\w-])", SUBJECT, caption, flags=re.IGNORECASE)
    fits = times == 1 and len(caption.split()) in WORDS and caption.isprintable()
    if not fits or caption.startswith("#") or re.search(r"[{}<>]", caption):
        return None
    return re.sub(rf"\b([Aa])n (?={SUBJECT})", r"\1 ", template)


def list_files(folder: Path, word: str) -> dict[str, Path]:
    """The lists of a class word, by split."""
    return {split: file_of(folder / f"{{class_word}}.{split}.txt", word) for split in COUNTS}


def read_lists(folder: Path, word: str) -> dict[str, list[str]]:
    """The templates of a class word that are there, by split; none of a list that is not."""
    return {split: read_lines(file) if file.exists() else [] for split, file in list_files(folder, word).items()}


def write_lists(folder: Path, word: str, lists: dict[str, list[str]], model: str) -> None:
    """Writes the lists of a class word, each atomically, with the model that wrote them in a comment."""
    for split, file in list_files(folder, word).items():
        head = f'# Captions of the class word "{word}" ({split}), written by {model}.\n'
        artifacts.write_text(file, head + "".join(f"{line}\n" for line in lists[split]), sidecar=False)


def complete(lists: dict[str, list[str]]) -> bool:
    return all(len(lists[split]) >= count for split, count in COUNTS.items())


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
