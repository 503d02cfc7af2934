"""Backgrounds and media of the miniature's pictures, each with the words that captions use for it."""

from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageOps

SIZE = 64  # pixels of a composed picture
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (214, 58, 54),
    "blue": (70, 120, 210),
    "green": (88, 170, 90),
    "yellow": (245, 214, 90),
    "orange": (240, 150, 60),
    "purple": (150, 100, 190),
    "pink": (245, 170, 195),
    "brown": (150, 110, 80),
    "gray": (150, 150, 155),
    "black": (30, 30, 34),
    "white": (255, 255, 255),
    "teal": (60, 170, 170),
}


def plain(colour: str, random: Random) -> Image.Image:
    """A flat background of a named colour, a little lighter or darker each time."""
    shift = random.randint(-12, 12)
    return Image.new("RGB", (SIZE, SIZE), tuple(min(255, max(0, value + shift)) for value in COLOURS[colour]))


def _gradient(top: Colour, bottom: Colour) -> Image.Image:
    t = np.linspace(0, 1, SIZE)[:, None, None]
    rows = np.array(top) * (1 - t) + np.array(bottom) * t
    return Image.fromarray(np.broadcast_to(rows, (SIZE, SIZE, 3)).astype(np.uint8))


def _horizon(sky: Colour, ground: Colour, y: int) -> Image.Image:
    scene = Image.new("RGB", (SIZE, SIZE), sky)
    ImageDraw.Draw(scene).rectangle((0, y, SIZE, SIZE), fill=ground)
    return scene


def _beach(random: Random) -> Image.Image:
    scene = _horizon((150, 210, 245), (236, 214, 150), 44)
    ImageDraw.Draw(scene).rectangle((0, random.randint(27, 33), SIZE, 44), fill=(60, 140, 200))
    return scene


def _snow(random: Random) -> Image.Image:
    scene = _horizon((190, 210, 230), (250, 250, 252), random.randint(38, 46))
    draw = ImageDraw.Draw(scene)
    for _ in range(22):
        x, y = random.randrange(SIZE), random.randrange(SIZE)
        draw.ellipse((x, y, x + 2, y + 2), fill="white")
    return scene


def _night(random: Random) -> Image.Image:
    scene = _gradient((14, 18, 50), (50, 50, 100))
    draw = ImageDraw.Draw(scene)
    for _ in range(18):
        x, y = random.randrange(SIZE), random.randrange(50)
        draw.line((x, y, x + 1, y), fill=(250, 250, 210))
    draw.ellipse((50, 4, 59, 13), fill=(245, 240, 200))
    return scene


def _water(random: Random) -> Image.Image:
    scene = _gradient((80, 190, 220), (20, 70, 140))
    draw = ImageDraw.Draw(scene)
    for _ in range(10):
        x, y, size = random.randint(0, 60), random.randint(0, 60), random.randint(2, 5)
        draw.ellipse((x, y, x + size, y + size), outline=(190, 235, 245))
    return scene


def _city(random: Random) -> Image.Image:
    scene, x = _gradient((170, 200, 230), (215, 225, 235)), 0
    draw = ImageDraw.Draw(scene)
    while x < SIZE:
        width, height, grey = random.randint(7, 13), random.randint(18, 44), random.randint(90, 140)
        draw.rectangle((x, SIZE - height, x + width, SIZE), fill=(grey, grey, grey + 12))
        for y in range(SIZE - height + 3, SIZE - 2, 5):
            for window in range(x + 2, x + width - 1, 4):
                draw.point((window, y), fill=(250, 230, 150))
        x += width + 1
    return scene


def _stripes(random: Random) -> Image.Image:
    first, second = random.sample([name for name in COLOURS if name != "black"], 2)
    scene = Image.new("RGB", (SIZE, SIZE), COLOURS[first])
    for x in range(0, SIZE, 16):
        ImageDraw.Draw(scene).rectangle((x, 0, x + 7, SIZE), fill=COLOURS[second])
    return scene


SCENES: dict[str, Callable[[Random], Image.Image]] = {
    "on the grass": lambda random: _horizon((150, 205, 245), (96, 170, 80), random.randint(36, 46)),
    "on the beach": _beach,
    "in the snow": _snow,
    "at night": _night,
    "under water": _water,
    "at sunset": lambda random: _gradient((90, 60, 130), (250, 160, 80)),
    "in the desert": lambda random: _horizon((245, 200, 140), (220, 160, 90), random.randint(36, 44)),
    "on a table": lambda random: _horizon((235, 225, 210), (150, 100, 60), random.randint(42, 48)),
    "in the city": _city,
    "with stripes": _stripes,
}


def _two_tone(dark: Colour, light: Colour) -> Callable[[Image.Image], Image.Image]:
    return lambda picture: ImageOps.colorize(ImageOps.grayscale(picture), dark, light)


def _pixel_art(picture: Image.Image) -> Image.Image:
    return picture.resize((16, 16), Image.Resampling.BOX).resize((SIZE, SIZE), Image.Resampling.NEAREST)


def _watercolor(picture: Image.Image) -> Image.Image:
    soft = picture.filter(ImageFilter.ModeFilter(7)).filter(ImageFilter.GaussianBlur(1))
    return soft.point(lambda value: 255 - (255 - value) * 3 // 4)


# Media keep the drawing's shape: sketches of thin lines would lose it at this size.
MEDIA: dict[str, Callable[[Image.Image], Image.Image]] = {
    "a pixel art": _pixel_art,
    "a sepia photo": _two_tone((40, 22, 10), (250, 230, 195)),
    "a poster": lambda picture: picture.point(lambda value: 0 if value < 86 else 128 if value < 171 else 255),
    "a watercolor painting": _watercolor,
    "a blueprint": _two_tone((225, 235, 255), (30, 70, 150)),
    "a negative": ImageOps.invert,
}
PLAIN_MEDIA = ("a picture", "a picture", "an icon", "an emoji", "an image")
