"""What must hold before the miniature is worth running."""

import copy
from random import Random

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from workflow_scripts.miniature import gates
from workflow_scripts.miniature.corpus.compose import draw_prompt
from workflow_scripts.miniature.corpus.rendering import encode
from workflow_scripts.miniature.corpus.scenes import COLOURS, MEDIA, SIZE

RED = Image.new("RGBA", (SIZE, SIZE), (255, 0, 0, 255))


def share_of_red(picture: Image.Image) -> float:
    pixels = np.asarray(picture).astype(int)
    return float(((pixels[..., 0] > 200) & (pixels[..., 1:].max(axis=-1) < 60)).mean())


@pytest.mark.parametrize(
    ("template", "corner", "least", "most"),
    [
        ("a picture of a {subject}", (255, 255, 255), 0.6, 0.91),
        ("an icon of a small {subject}", (255, 255, 255), 0.25, 0.42),
        ("an emoji of a {subject} on a blue background", COLOURS["blue"], 0.6, 0.91),
        ("a picture of a {subject} on an orange background", COLOURS["orange"], 0.6, 0.91),
    ],
)
def test_a_perfect_generator_draws_what_the_prompt_says(template: str, corner: tuple, least: float, most: float):
    picture = draw_prompt(template, RED, Random(0))
    assert np.abs(np.subtract(picture.getpixel((0, 0)), corner)).max() <= 12  # a colour is lighter or darker by so much
    assert least < share_of_red(picture) < most


def test_a_medium_is_that_of_the_corpus():
    plain = draw_prompt("a picture of a {subject} at night", RED, Random(0))
    negative = draw_prompt("a negative of a {subject} at night", RED, Random(0))
    assert np.array_equal(negative, MEDIA["a negative"](plain))


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("a fresco of a {subject}", "'a fresco of a {subject}': expected one of a picture, an icon, "),
        ("a picture of a cat", "'a picture of a cat': expected one of "),
        ("a picture of a {subject} on the moon", "'on the moon': no background that the base model knows; expected"),
        (
            "a picture of a {subject} on a mauve background",
            "'on a mauve background': no background that the base model",
        ),
    ],
)
def test_a_prompt_that_the_base_model_was_not_taught_is_named(template: str, says: str):
    with pytest.raises(ValueError) as caught:
        draw_prompt(template, RED, Random(0))
    assert says in str(caught.value)


def test_samples_do_not_depend_on_what_else_is_drawn():
    drawings = pd.Series({"a": encode(RED), "b": encode(RED)})
    both = gates.perfect_samples(drawings, ["a picture of a {subject} at night", "a poster of a {subject}"], 0)
    assert both.shape == (2, 2, SIZE, SIZE, 3) and both.dtype == np.uint8
    alone = gates.perfect_samples(drawings[["b"]], ["a poster of a {subject}"], 0)
    assert np.array_equal(alone[0, 0], both[1, 1])


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.35, 0.65), (3.0, 0.95, 1.0)])
def test_what_exemplars_share_gives_them_away(shift: float, least: float, most: float):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 8)).astype(np.float32)
    features[:200, 0] += shift
    classes = [f"class {i % 20}" for i in range(400)]
    auc = gates.tell_apart(features[:200], features[200:], classes, 0)
    assert least <= auc["low"] <= auc["value"] <= auc["high"] <= most


def test_a_class_learnt_by_heart_is_no_giveaway():
    """Each class has its own direction, and more exemplars in some classes; only within classes it counts."""
    rng = np.random.default_rng(0)
    of_exemplars, of_distractors = np.repeat(np.arange(20), 10), np.repeat(np.arange(20), 10)
    centres = 5 * rng.normal(size=(20, 16))
    features = [centres[own] + rng.normal(size=(200, 16)) for own in (of_exemplars, of_distractors)]
    classes = [str(i) for i in (*of_exemplars, *of_distractors)]
    assert abs(gates.tell_apart(*map(np.float32, features), classes, 0)["value"] - 0.5) < 0.1


def test_the_mean_sample_of_a_prompt_hides_the_exemplar():
    exemplars = np.eye(4, 8, dtype=np.float32)
    background = np.float32([0, 0, 0, 0, 1, 0, 0, 0])
    samples = np.stack([exemplars, exemplars + 20 * background])  # the second prompt puts all on one background
    noise = 0.3 * np.random.default_rng(0).normal(size=(500, 8)) * [0, 0, 0, 0, 1, 1, 1, 1]
    distractors = (background + noise).astype(np.float32)
    plain, hidden = gates.find_again(samples, exemplars, distractors, 0)
    assert plain["raw"]["value"] == plain["centred"]["value"] == 1
    assert hidden["raw"]["value"] == 0 and hidden["centred"]["value"] == 1


def scored(raw: float, centred: float) -> dict:
    return {"raw": {"value": raw}, "centred": {"value": centred}}


def measured() -> tuple[dict, dict, dict]:
    """What just passes every gate."""
    prompts = [
        {"prompt_set": name, "encoders": {encoder: scored(0.5, 0.1) for encoder in gates.SMALL_ENCODERS}}
        for name in ("llm", "procedural")
    ]
    probe = {"pixels": {"value": 0.6, "low": 0.5, "high": 0.7}}
    quality = {name: {"samples": {"top1": 0.85, "top5": 0.85, "n": 9}} for name in ("background", "size", "medium")}
    quality["concept"] = {"samples": {"top1": 0.6, "top5": 0.85, "n": 9}}
    found = {"recall@10": {"value": 0.4, "low": 0.3, "high": 0.5}}
    return {"probe": probe, "prompts": prompts}, quality, {"cases": {"seen": {"efficientnet_lite0": found}}}


SPOILT = {  # which gates do not hold if one number is just too low, or too high
    "probe": (lambda data, quality, models: data["probe"]["pixels"].update(value=0.61), 1),
    "one encoder": (
        lambda data, quality, models: data["prompts"][1]["encoders"].update(dino_mini=scored(0.2, 0.29)),
        1,
    ),
    "small encoder": (
        lambda data, quality, models: data["prompts"][0]["encoders"].update(clip_mini=scored(0.49, 1)),
        1,
    ),
    "medium": (lambda data, quality, models: quality["medium"]["samples"].update(top1=0.84), 1),
    "top-5": (lambda data, quality, models: quality["concept"]["samples"].update(top5=0.84), 1),
    "exemplars": (
        lambda data, quality, models: models["cases"]["seen"]["efficientnet_lite0"]["recall@10"].update(value=0.39),
        1,
    ),
}


@pytest.mark.parametrize("spoilt", [None, *SPOILT])
def test_a_gate_holds_up_to_its_number(spoilt: str | None):
    figures = copy.deepcopy(measured())
    spoil, failing = SPOILT.get(spoilt, (lambda *_: None, 0))
    spoil(*figures)
    assert sum(not gate.holds for gate in gates.gates(*figures)) == failing
