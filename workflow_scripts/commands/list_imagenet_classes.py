"""Rebuilds a list of ImageNet classes, each with the coarse class word of its prompts.

Takes the ids from a list, the first column of each line, and keeps its comment lines. A list can be its own source:

    python -m workflow_scripts list_imagenet_classes --wordnet /usr/share/wordnet \\
        --wnids config/classes/imagenet_seen.txt --words config/classes/coarse_words.txt \\
        --output config/classes/imagenet_seen.txt

The noun synsets (`data.noun`) of WordNet 3.0 come with the Debian package wordnet-base. With `--released` and JSON
files of the authors' release, their classes take their words from there.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.inputs import wordnet
from workflow_scripts.release.entries import read_entries


def released_words(files: Iterable[Path]) -> dict[str, str]:
    """The class word by ImageNet id in JSON files of the release; raises `ValueError` if a class has two."""
    words: dict[str, str] = {}
    for file in files:
        for entry in read_entries(file):
            wnid, word = entry.class_id.partition("_")[0], entry.class_word
            if word and words.setdefault(wnid, word) != word:
                raise ValueError(f"{file}: {entry.class_id} is a {word!r}, but {wnid} was a {words[wnid]!r} before")
    return words


def rebuild(classes: Path, data: Path, words: Path, released: Mapping[str, str]) -> str:
    """The text of a list, each class with its released word, or else ours, and each comment as it was."""
    hypernyms, by_offset = wordnet.read_hypernyms(data), wordnet.read_words(words)
    lines = []
    for line in filter(str.strip, cli.read_text(classes).splitlines()):
        wnid = line.split("\t")[0].strip()
        if line.startswith("#"):
            lines.append(line)
        else:
            lines.append(f"{wnid}\t{released.get(wnid) or wordnet.class_word(wnid, hypernyms, by_offset)}")
    return "\n".join(lines) + "\n"


@cli.command_line(
    wordnet=cli.file("folder with WordNet 3.0's data.noun"),
    wnids=cli.file("list of classes, the id first on each line"),
    words=cli.file("list of class words by synset"),
    released=cli.files("JSON files of the authors' release, whose words are taken first", required=False),
    output=cli.file("list to write: id, tab and class word a line"),
)
def main(args: cli.Args) -> None:
    text = rebuild(args.wnids, args.wordnet / "data.noun", args.words, released_words(args.released))
    artifacts.write_text(args.output, text, sidecar=False)
