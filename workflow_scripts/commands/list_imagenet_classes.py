"""Rebuilds a list of ImageNet classes, each with the coarse class word of its prompts.

Takes the ids from a list, the first column of each line, and keeps its comment lines. A list can be its own source:

    python -m workflow_scripts list_imagenet_classes --wordnet /usr/share/wordnet \\
        --wnids config/classes/imagenet_seen.txt --words config/classes/coarse_words.txt \\
        --output config/classes/imagenet_seen.txt

The noun synsets (`data.noun`) of WordNet 3.0 come with the Debian package wordnet-base.
"""

from pathlib import Path

from workflow_scripts import artifacts, cli
from workflow_scripts.inputs import wordnet


def rebuild(classes: Path, data: Path, words: Path) -> str:
    """The text of a list, each class with its word and each comment as it was."""
    hypernyms, by_offset = wordnet.read_hypernyms(data), wordnet.read_words(words)
    lines = []
    for line in filter(str.strip, cli.read_text(classes).splitlines()):
        wnid = line.split("\t")[0].strip()
        comment = line.startswith("#")
        lines.append(line if comment else f"{wnid}\t{wordnet.class_word(wnid, hypernyms, by_offset)}")
    return "\n".join(lines) + "\n"


@cli.command_line(
    wordnet=cli.file("folder with WordNet 3.0's data.noun"),
    wnids=cli.file("list of classes, the id first on each line"),
    words=cli.file("list of class words by synset"),
    output=cli.file("list to write: id, tab and class word a line"),
)
def main(args: cli.Args) -> None:
    text = rebuild(args.wnids, args.wordnet / "data.noun", args.words)
    artifacts.write_text(args.output, text, sidecar=False)
