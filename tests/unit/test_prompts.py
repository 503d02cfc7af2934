"""The prompts of the paper's scale: the committed lists, and the reader of the prompts of the released samples."""

import re
from pathlib import Path

import pytest

from workflow_scripts.inputs import captions
from workflow_scripts.release.prompts import read_path_to_prompts
from workflow_scripts.study.study import read_lines, read_list

ROOT = Path(__file__).parents[2]
LISTS = ROOT / "config/prompts/abc"
CLASSES = ROOT / "config/classes"
WORDS = sorted({word for name in ("seen", "unseen") for word in read_list(CLASSES / f"imagenet_{name}.txt").values()})
MEDIA = (  # of the released test split, in its order
    "charcoal drawing, color pencil sketch, photo, photorealistic painting, tattoo, watercolor painting, woodcut, "
    "ink drawing, oil on canvas painting, ultrafine detailed painting"
)
OBJECTS = "sun, moon, star, tree, flower, river, sky, cloud, grass, animal"


@pytest.mark.parametrize("word", WORDS)
def test_a_class_word_has_its_captions(word: str):
    lists = captions.read_lists(LISTS / "objects", word)
    assert {split: len(lines) for split, lines in lists.items()} == {"train": 15, "test": 10}
    written = lists["train"] + lists["test"]
    assert len({caption.casefold() for caption in written}) == 25
    for caption in written:
        assert caption.count("{subject}") == 1
        rest = caption.replace("{subject}", "")
        assert not re.search(rf"\b{word}s?\b|[{{}}<>]", rest, re.IGNORECASE), caption
        assert len(caption.split()) in range(5, 15), caption


def test_every_list_of_captions_is_of_a_class_word():
    wanted = {file for word in WORDS for file in captions.list_files(LISTS / "objects", word).values()}
    assert set((LISTS / "objects").iterdir()) == wanted


@pytest.mark.parametrize(
    ("name", "train", "test", "form"),
    [
        ("object.procedural", 40, 10, r"(\S.*\S) of {subject}"),
        ("style.llm", 40, 10, r"(\S.*\S) in the style of <new1> art"),
        ("style.procedural", 30, 10, r"A picture of (\S.*\S) in the style of <new1> art"),
    ],
)
def test_the_other_lists_have_the_papers_sizes(name: str, train: int, test: int, form: str):
    lists = [read_lines(LISTS / f"{name}.{split}.txt") for split in ("train", "test")]
    assert list(map(len, lists)) == [train, test]
    filled = [re.fullmatch(form, line) for line in lists[0] + lists[1]]
    assert all(filled)
    assert len({match[1].casefold() for match in filled}) == train + test


def test_the_media_and_objects_of_the_released_test_split_are_held_out():
    expected = [f"{medium} of {{subject}}" for medium in MEDIA.split(", ")]
    assert read_lines(LISTS / "object.procedural.test.txt") == expected
    for name, start in (("style", "A picture"), ("artchive", "A painting")):
        expected = [f"{start} of {thing} in the style of <new1> art" for thing in OBJECTS.split(", ")]
        assert read_lines(LISTS / f"{name}.procedural.test.txt") == expected


def test_the_prompts_that_the_paper_shows_are_held_out():
    assert "The {subject} groomed itself meticulously" in read_lines(LISTS / "objects/cat.test.txt")
    captions = read_lines(LISTS / "style.llm.test.txt")
    assert captions[:2] == [
        "The magic of light in the style of <new1> art",
        "The stillness of the sea in the style of <new1> art",
    ]


@pytest.mark.parametrize("kind", ["object", "style"])
def test_captions_of_prior_preservation_hold_the_class_word(kind: str):
    assert all(line.count("{class_word}") == 1 for line in read_lines(LISTS / f"{kind}.regularization.txt"))


def test_the_released_prompts_are_read(tmp_path: Path):
    file = tmp_path / "path_to_prompts.json"
    file.write_text('{"dataset/synth/a/0.png": "photo of <new1> cat", "dataset/synth/a/1.png": "Das <new1> Tier: ü"}')
    assert read_path_to_prompts(file) == {
        "dataset/synth/a/0.png": "photo of <new1> cat",
        "dataset/synth/a/1.png": "Das <new1> Tier: ü",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not valid JSON"),
        ('["dataset/a.png"]', "expected one JSON object"),
        ('"dataset/a.png"', "expected one JSON object"),
        ('{"synth/a.png": "a"}', "'synth/a.png': expected the path of an image, which starts with dataset/"),
        ('{"dataset/a.png": ["a"]}', "'dataset/a.png' has the prompt .*; expected a text"),
        ('{"dataset/a.png": {"prompt": "a"}}', "'dataset/a.png' has the prompt .*; expected a text"),
        ('{"dataset/a.png": " "}', "'dataset/a.png' has the prompt ' '; expected a text"),
        ('{"dataset/a.png": "a", "dataset/a.png": "b"}', "'dataset/a.png' is in it twice"),
    ],
)
def test_released_prompts_of_another_form_are_refused(text: str, says: str, tmp_path: Path):
    file = tmp_path / "path_to_prompts.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=f"path_to_prompts.json: {says}"):
        read_path_to_prompts(file)


def test_released_prompts_that_are_no_text_are_refused(tmp_path: Path):
    file = tmp_path / "path_to_prompts.json"
    file.write_bytes(b'{"dataset/a.png": "\xff"}')
    with pytest.raises(ValueError, match=r"path_to_prompts\.json: not valid JSON"):
        read_path_to_prompts(file)
