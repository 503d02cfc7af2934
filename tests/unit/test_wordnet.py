"""Class words of ImageNet classes: the nearest listed ancestor in WordNet, and the committed lists that follow."""

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from workflow_scripts.commands import list_imagenet_classes
from workflow_scripts.inputs import wordnet
from workflow_scripts.study.study import read_lines, read_list

CLASSES = Path(__file__).parents[2] / "config/classes"
WORDNET = Path("/usr/share/wordnet")

# entity <- animal <- dog <- poodle; pet <- poodle; toy (an instance) <- rex. As wndb(5WN) describes it.
DATA = """\
  1 This software and database is being provided to you, the LICENSEE
00000001 03 n 01 entity 0 000 | that which exists
00000002 03 n 02 animal 0 beast 0 001 @ 00000001 n 0000 | a living thing | with a bar
00000003 05 n 01 dog 0 002 @ 00000002 n 0000 ~ 00000005 n 0000 | a barker
00000004 05 n 01 pet 0 001 @ 00000002 n 0000 | kept at home
00000005 05 n 0b a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 j 0 poodle 0 002 @ 00000003 n 0000 @ 00000004 n 0000 | curly
00000006 05 n 01 rex 0 001 @i 00000005 n 0000 | a poodle that I know
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "data.noun"
    file.write_text(DATA)
    return file


def word_of(data: Path, tmp_path: Path, wnid: str, *listed: str) -> str:
    words = tmp_path / "words.txt"
    words.write_text("# a comment\n" + "".join(f"{line}\tlemma\n" for line in listed))
    return wordnet.class_word(wnid, wordnet.read_hypernyms(data), wordnet.read_words(words))


def test_hypernyms_are_read_whatever_the_number_of_words(data: Path):
    hypernyms = wordnet.read_hypernyms(data)
    assert hypernyms["00000001"] == ()
    assert hypernyms["00000003"] == ("00000002",)  # the hyponym that it also names is none
    assert hypernyms["00000005"] == ("00000003", "00000004")
    assert hypernyms["00000006"] == ("00000005",)


@pytest.mark.parametrize(
    ("listed", "word"),
    [
        (["00000001\tthing", "00000002\tanimal"], "animal"),  # nearer than entity
        (["00000002\tanimal", "00000004\tpet"], "pet"),
        (["00000004\tpet", "00000003\tdog"], "pet"),  # equally near: the first in the file
        (["00000003\tdog", "00000004\tpet"], "dog"),
        (["00000003\tdog", "00000005\tpoodle"], "poodle"),  # itself
    ],
)
def test_a_class_takes_the_word_of_the_nearest_listed_synset(listed: list[str], word: str, data: Path, tmp_path: Path):
    assert word_of(data, tmp_path, "n00000005", *listed) == word


def test_an_instance_has_the_word_of_what_it_is_one_of(data: Path, tmp_path: Path):
    assert word_of(data, tmp_path, "n00000006", "00000002\tanimal") == "animal"


def test_the_command_keeps_comments_and_order(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    words, wnids, output = tmp_path / "words.txt", tmp_path / "wnids.txt", tmp_path / "classes.txt"
    words.write_text("00000003\tdog\tdog\n00000002\tanimal\tanimal\n")
    wnids.write_text("# what it is\nn00000006\nn00000004\told word\n")
    flags = ["--wordnet", data.parent, "--wnids", wnids, "--words", words, "--output", output]
    monkeypatch.setattr(sys, "argv", ["list_imagenet_classes", *map(str, flags)])
    list_imagenet_classes.main()
    assert output.read_text() == "# what it is\nn00000006\tdog\nn00000004\tanimal\n"


def test_where_the_released_file_is_at_hand_its_words_are_taken(data: Path, tmp_path: Path, monkeypatch):
    words, wnids, output = tmp_path / "words.txt", tmp_path / "wnids.txt", tmp_path / "classes.txt"
    words.write_text("00000003\tdog\tdog\n00000002\tanimal\tanimal\n")
    wnids.write_text("n00000006\nn00000004\nn00000003\n")
    synth = {name: [f"dataset/{name}/samples/0.png"] for name in ("gpt", "media")}
    entries = [
        {"class_id": f"{wnid}_0008", "category": word, "exemplar": ["dataset/a.png"], "synth": synth}
        for wnid, word in (("n00000006", "poodle"), ("n00000004", "exemplar"))
    ]
    (tmp_path / "test.json").write_text(json.dumps(entries))
    flags = ["--wordnet", data.parent, "--wnids", wnids, "--words", words, "--released", tmp_path / "test.json"]
    monkeypatch.setattr(sys, "argv", ["list_imagenet_classes", *map(str, [*flags, "--output", output])])
    list_imagenet_classes.main()
    assert output.read_text() == "n00000006\tpoodle\nn00000004\ttrain\nn00000003\tdog\n"


def test_the_table_of_words_says_that_it_is_ours_and_how_far_it_agrees():
    readme, seen = ((CLASSES / name).read_text() for name in ("README.md", "imagenet_seen.txt"))
    assert "382 have the same word in both; 211 differ" in readme
    assert "The words are ours, 382 of the 593 equal to the released ones (README.md)" in seen
    for study in ("abc", "abc_release"):
        assert "released code: the coarse word" not in (CLASSES.parent / f"studies/{study}.yaml").read_text()


@pytest.mark.skipif(not (WORDNET / "data.noun").exists(), reason="needs WordNet 3.0: apt-get install wordnet-base")
@pytest.mark.parametrize("name", ["imagenet_seen", "imagenet_unseen"])
def test_the_committed_lists_follow_from_wordnet(name: str, tmp_path: Path):
    committed = (CLASSES / f"{name}.txt").read_text()
    bare = tmp_path / "wnids.txt"
    bare.write_text("\n".join(line.split("\t")[0] for line in committed.splitlines()))
    assert list_imagenet_classes.rebuild(bare, WORDNET / "data.noun", CLASSES / "coarse_words.txt", {}) == committed


def test_the_committed_lists_have_the_papers_classes():
    seen, unseen = (read_list(CLASSES / f"imagenet_{name}.txt") for name in ("seen", "unseen"))
    assert (len(seen), len(unseen)) == (593, 100)
    assert not seen.keys() & unseen.keys()
    assert all(wordnet.WNID.fullmatch(wnid) for wnid in [*seen, *unseen])
    lines = [line for name in ("seen", "unseen") for line in read_lines(CLASSES / f"imagenet_{name}.txt")]
    assert len(lines) == 693


def test_the_committed_words_are_those_that_the_list_of_words_has():
    words = set(wordnet.read_words(CLASSES / "coarse_words.txt").values())
    lists = [read_list(CLASSES / f"imagenet_{name}.txt") for name in ("seen", "unseen")]
    assert {word for listed in lists for word in listed.values()} == words
    assert all(word.isalpha() and word.islower() for word in words)
    seen = Counter(lists[0].values())
    head = (CLASSES / "imagenet_seen.txt").read_text()
    for word, count in seen.most_common(5):
        assert f"{word} {count} (" in head
    assert f"{len(seen)} words in all (54)" in head
