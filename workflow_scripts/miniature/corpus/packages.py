"""Reads drawings from npm packages: Iconify sets (SVG in one JSON), Fluent 3-D renders (WebP), emojibase's labels.

An emoji drawing is joined to its concept by Unicode code point, or, where a set has no code points, by the slug of the
concept's label. An icon drawing has no concept: its subject is the set's category, or the first word of its name.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workflow_scripts import artifacts


@dataclass(frozen=True)
class Family:
    """The drawings of one vendor in one style."""

    name: str
    package: str
    word: str  # how captions of the base model call the style
    pretrain: bool  # may its drawings train the weights that we ship?
    twin_of: str | None = None  # the family whose drawings it renders in another way


# Share-alike families (openmoji, emojione-v1) and all icon families never enter pre-training.
EMOJI_FAMILIES = (
    Family("noto", "@iconify-json/noto", "noto", pretrain=True),
    Family("blob", "@iconify-json/noto-v1", "blob", pretrain=True),
    Family("twemoji", "@iconify-json/twemoji", "twitter", pretrain=True),
    Family("emojione", "@iconify-json/emojione", "emojione", pretrain=True),
    Family("fxemoji", "@iconify-json/fxemoji", "firefox", pretrain=True),
    Family("streamline", "@iconify-json/streamline-emojis", "streamline", pretrain=True),
    Family("fluent", "@lobehub/fluent-emoji-3d", "glossy", pretrain=True),
    Family("fluent-flat", "@iconify-json/fluent-emoji-flat", "fluent", pretrain=True, twin_of="fluent"),
    Family("openmoji", "@iconify-json/openmoji", "openmoji", pretrain=False),
    Family("emojione-v1", "@iconify-json/emojione-v1", "classic", pretrain=False),
)
ICON_FAMILIES = (
    Family("flat-color", "@iconify-json/flat-color-icons", "flat", pretrain=False),
    Family("meteocons", "@iconify-json/meteocons", "weather", pretrain=False),
    Family("freehand", "@iconify-json/streamline-freehand-color", "freehand", pretrain=False),
    Family("kameleon", "@iconify-json/streamline-kameleon-color", "kameleon", pretrain=False),
    Family("plump", "@iconify-json/streamline-plump-color", "plump", pretrain=False),
    Family("stickies", "@iconify-json/streamline-stickies-color", "stickies", pretrain=False),
)
FAMILIES = {family.name: family for family in (*EMOJI_FAMILIES, *ICON_FAMILIES)}

EMOJI_GROUPS = ("smileys-emotion", "animals-nature", "food-drink", "travel-places", "activities", "objects")
ICON_VARIANT = re.compile(r"-(flat|fill)$")  # the same drawing of the same set, filled or flattened
# Interface glyphs and logos say little about a style, and logos are trademarks.
ICON_SUBJECTS_LEFT_OUT = re.compile(r"interface|program|logo|arrow|crypto", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A drawing before rendering: `svg` text or the path of a bitmap."""

    name: str
    family: str
    package: str
    version: str
    licence: str
    author: str
    concept: str
    label: str
    group: str
    subgroup: str
    svg: str | None = None
    bitmap: Path | None = None


@dataclass(frozen=True)
class Concept:
    code_point: str
    slug: str
    label: str
    group: str
    subgroup: str


def slugify(text: str) -> str:
    """Lower case, with a hyphen for all between letters and digits: an id that is safe as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower().replace("’", "")).strip("-")


def read_concepts(packages: Path) -> dict[str, Concept]:
    """The emoji concepts of emojibase by normalised code point, without people, flags and symbols."""
    root = packages / "emojibase-data" / "en"
    messages = artifacts.read_json(root / "messages.json")
    groups = {group["order"]: group["key"] for group in messages["groups"]}
    subgroups = {group["order"]: group["key"] for group in messages["subgroups"]}
    concepts = {}
    for emoji in artifacts.read_json(root / "data.json"):
        group = groups.get(emoji.get("group"))
        if group in EMOJI_GROUPS:
            code_point = _normalise(emoji["hexcode"])
            label = emoji["label"].replace("’", "").replace(".", "").lower()
            concepts[code_point] = Concept(code_point, slugify(label), label, group, subgroups[emoji["subgroup"]])
    return concepts


def read_sources(packages: Path) -> Iterator[Source]:
    """All drawings of all families, in the order of the families and of their packages.

    `packages` is the `node_modules` folder made by `npm ci` from `config/corpus/package-lock.json`.
    """
    concepts = read_concepts(packages)
    for family in EMOJI_FAMILIES:
        reader = _fluent_3d if family.package.startswith("@lobehub") else _emoji_set
        yield from reader(packages / family.package, family, concepts)
    for family in ICON_FAMILIES:
        yield from _icon_set(packages / family.package, family)


def _normalise(code_point: str) -> str:
    return "-".join(part for part in code_point.lower().split("-") if part != "fe0f")


def _emoji_set(package: Path, family: Family, concepts: Mapping[str, Concept]) -> Iterator[Source]:
    icons = artifacts.read_json(package / "icons.json")
    by_slug = {concept.slug: concept for concept in concepts.values()}
    chars = artifacts.read_json(package / "chars.json") if (package / "chars.json").exists() else {}
    named = [(concepts.get(_normalise(char)), name) for char, name in chars.items()]
    named += [(by_slug.get(name), name) for name in icons["icons"]]
    seen = set()
    for concept, name in named:
        svg = concept and concept.code_point not in seen and _svg(icons, name)
        if svg:
            seen.add(concept.code_point)
            yield Source(**_origin(package, family), **_about(concept), svg=svg)


def _fluent_3d(package: Path, family: Family, concepts: Mapping[str, Concept]) -> Iterator[Source]:
    meta = artifacts.read_json(package / "package.json")
    origin = {"family": family.name, "package": family.package, "version": meta["version"]}
    origin |= {"licence": meta["license"], "author": "Microsoft Corporation (Fluent Emoji), packaged by LobeHub"}
    for path in sorted((package / "assets").glob("*.webp")):
        concept = concepts.get(_normalise(path.stem))
        if concept:
            yield Source(**origin, **_about(concept), bitmap=path)


def _icon_set(package: Path, family: Family) -> Iterator[Source]:
    icons = artifacts.read_json(package / "icons.json")
    categories = artifacts.read_json(package / "metadata.json").get("categories", {})
    subject_of = {name: slugify(subject) for subject, names in categories.items() for name in names}
    first_words = Counter(name.split("-")[0] for name in icons["icons"])
    for name in icons["icons"]:
        first = name.split("-")[0]
        subject = subject_of.get(name, first if first_words[first] >= 4 else "various")
        svg = _svg(icons, name)
        if svg and not ICON_VARIANT.search(name) and not ICON_SUBJECTS_LEFT_OUT.search(subject):
            about = {"name": name, "concept": name, "label": name.replace("-", " "), "group": subject}
            yield Source(**_origin(package, family), **about, subgroup=subject, svg=svg)


def _origin(package: Path, family: Family) -> dict[str, str]:
    info, meta = artifacts.read_json(package / "info.json"), artifacts.read_json(package / "package.json")
    origin = {"family": family.name, "package": family.package, "version": meta["version"]}
    return origin | {"licence": info["license"]["spdx"], "author": f"{info['author']['name']} ({info['name']})"}


def _about(concept: Concept) -> dict[str, str]:
    names = {"name": concept.code_point, "concept": concept.slug, "label": concept.label}
    return names | {"group": concept.group, "subgroup": concept.subgroup}


def _svg(icons: Mapping, name: str) -> str | None:
    """A complete SVG document for an icon or an alias of one; None if the set has no such name."""
    name = icons.get("aliases", {}).get(name, {}).get("parent", name)
    icon = icons["icons"].get(name)
    if icon is None:
        return None
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    left, top = (icon.get(side, icons.get(side, 0)) for side in ("left", "top"))
    body = icon["body"].replace("currentColor", "#222")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{body}</svg>'
    )
