"""Composes the miniature's pictures: a drawing on a background, in a medium, with the caption that says so.

The caption grammar is
`{medium} of a [small ]{[instance word ]class word} {background} [in the style of {style word} art]`.
Instance words teach the base model that a word before the class word means one certain drawing: V* will stand there.
Group words do the same for styles. The prompts of fine-tuning and sampling follow the same grammar.
"""

import re
from dataclasses import dataclass
from random import Random

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from workflow_scripts.miniature.corpus.packages import FAMILIES
from workflow_scripts.miniature.corpus.rendering import decode
from workflow_scripts.miniature.corpus.scenes import COLOURS, MEDIA, PLAIN_MEDIA, SCENES, SIZE, plain

WHITE_SHARE, COLOUR_SHARE = 0.3, 0.3  # of the backgrounds; the rest are scenes
SMALL_SHARE, MEDIUM_SHARE, STYLE_SHARE, INSTANCE_SHARE, BARE_STYLE_SHARE = 0.15, 0.08, 0.4, 0.6, 0.04
LARGE, SMALL = (0.78, 0.95), (0.52, 0.64)  # side of the drawing as a share of the picture's
PROMPT = re.compile(r"(?P<medium>an? [a-z ]+) of a (?P<small>small )?\{subject\}(?: (?P<where>.+))?")
COLOURED = re.compile(r"on an? (?P<colour>[a-z]+) background")
JITTER = 4  # pixels that a large drawing may stand off centre, where there is room


@dataclass(frozen=True)
class Pool:
    """Composed pictures, uint8 [n, SIZE, SIZE, 3], and their captions."""

    images: np.ndarray
    captions: list[str]


def instance_word(drawing_id: str) -> str:
    return f"<{drawing_id}>"


def group_word(style_group: str) -> str:
    return f"<art-{style_group}>"


def place(drawing: Image.Image, background: Image.Image, scale: float, random: Random) -> Image.Image:
    """Pastes an RGBA drawing on a background: large ones near the centre, small ones anywhere."""
    side = max(8, int(SIZE * scale))
    room = SIZE - side
    reach = min(JITTER, room // 2)
    span = (room // 2 - reach, room // 2 + reach) if scale >= LARGE[0] else (0, room)
    corner = random.randint(*span), random.randint(*span)
    small = drawing.resize((side, side), Image.Resampling.LANCZOS)
    picture = background.copy()
    picture.paste(small, corner, small)
    return picture


def draw_background(random: Random) -> tuple[Image.Image, str]:
    """A background and its words: white without words, a colour, or a scene."""
    share = random.random()
    if share < WHITE_SHARE:
        return Image.new("RGB", (SIZE, SIZE), "white"), ""
    if share < WHITE_SHARE + COLOUR_SHARE:
        colour = random.choice(list(COLOURS))
        return plain(colour, random), f" on a {colour} background"
    scene = random.choice(list(SCENES))
    return SCENES[scene](random), f" {scene}"


def compose(drawing: Image.Image, row: pd.Series, words: dict[str, str], random: Random) -> tuple[Image.Image, str]:
    """One picture of a drawing, which is RGBA and mirrored half the time, and its caption.

    Args:
        row: its line of the table of drawings (`id`, `concept`, `family`, `style_group`).
        words: class word by concept.
    """
    if random.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    small = random.random() < SMALL_SHARE
    background, where = draw_background(random)
    picture = place(drawing, background, random.uniform(*(SMALL if small else LARGE)), random)
    medium = random.choice(PLAIN_MEDIA)
    if random.random() < MEDIUM_SHARE:
        medium = random.choice(list(MEDIA))
        picture = MEDIA[medium](picture)
    return picture, _caption(medium, small, where, row, words, random)


def _caption(medium: str, small: bool, where: str, row: pd.Series, words: dict[str, str], random: Random) -> str:
    style = group_word(row.style_group) if random.random() < 0.5 else FAMILIES[row.family].word
    if random.random() < BARE_STYLE_SHARE:
        return f"{medium}{where} in the style of {style} art"
    instance = f"{instance_word(row.id)} " if random.random() < INSTANCE_SHARE else ""
    caption = f"{medium} of a {'small ' if small else ''}{instance}{words[row.concept]}{where}"
    return f"{caption} in the style of {style} art" if random.random() < STYLE_SHARE else caption


def draw_prompt(template: str, drawing: Image.Image, random: Random) -> Image.Image:
    """What a perfect generator draws for a prompt: this drawing as the subject, in the prompt's scene and medium.

    Args:
        template: in the grammar above, with `{subject}`.
        drawing: RGBA.

    Raises:
        ValueError: the template is not in the grammar; the message says what is not.
    """
    parts = PROMPT.fullmatch(template)
    if not parts or parts["medium"] not in (*PLAIN_MEDIA, *MEDIA):
        media = ", ".join(dict.fromkeys((*PLAIN_MEDIA, *MEDIA)))
        raise ValueError(f"prompt {template!r}: expected one of {media}; then 'of a {{subject}}' and a background")
    scale = random.uniform(*(SMALL if parts["small"] else LARGE))
    picture = place(drawing, _background(parts["where"], random), scale, random)
    return MEDIA[parts["medium"]](picture) if parts["medium"] in MEDIA else picture


def _background(where: str | None, random: Random) -> Image.Image:
    """The background that a prompt's last words name; without words it is white, as in `draw_background`."""
    if where is None:
        return Image.new("RGB", (SIZE, SIZE), "white")
    if where in SCENES:
        return SCENES[where](random)
    coloured = COLOURED.fullmatch(where)
    if not coloured or coloured["colour"] not in COLOURS:
        known = f"{', '.join(SCENES)}, on a {'/'.join(COLOURS)} background"
        raise ValueError(f"prompt with {where!r}: no background that the base model knows; expected one of {known}")
    return plain(coloured["colour"], random)


def compose_pool(drawings: pd.DataFrame, count: int, words: dict[str, str], seed: int) -> Pool:
    """Composes `count` pictures, taking every drawing equally often, in a seeded order."""
    random = Random(seed)
    decoded = [decode(data) for data in drawings.image]
    lines = [row for _, row in drawings.iterrows()]
    order: list[int] = []
    while len(order) < count:
        order += random.sample(range(len(lines)), len(lines))
    images, captions = np.empty((count, SIZE, SIZE, 3), np.uint8), []
    for i, row in enumerate(tqdm(order[:count], desc="compose", unit="image", disable=None)):
        images[i], caption = compose(decoded[row], lines[row], words, random)
        captions.append(caption)
    return Pool(images, captions)
