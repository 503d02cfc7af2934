"""The corpus's drawings as exemplars and distractors: their pictures, origin and near-duplicates."""

import hashlib
from collections import defaultdict
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.miniature.corpus import DRAWINGS, TWINS
from workflow_scripts.miniature.corpus.compose import LARGE, place
from workflow_scripts.miniature.corpus.packages import FAMILIES
from workflow_scripts.miniature.corpus.roles import PRETRAIN
from workflow_scripts.miniature.corpus.scenes import SIZE
from workflow_scripts.seeds import derive_seed

COLUMNS = ["id", "concept", "label", "family", "role", "order", "style_group", "image", "licence", "author"]


def read_drawings(corpus: Path, role: str | None = None) -> pd.DataFrame:
    """All drawings of a corpus's folder, or those of a role in the order in which they were held out."""
    table = artifacts.read_table(corpus / DRAWINGS, COLUMNS)
    return table if role is None else table[table.role == role].sort_values("order")


def read_twins(corpus: Path) -> dict[str, set[str]]:
    """The near-duplicates of each drawing that has some."""
    pairs = artifacts.read_table(corpus / TWINS, ["a", "b"])
    twins = defaultdict(set)
    for a, b in pairs.itertuples(index=False):
        twins[a].add(b)
        twins[b].add(a)
    return dict(twins)


def with_twins(exemplars: pd.DataFrame, corpus: Path) -> pd.DataFrame:
    """A case's exemplars with `twins`, their near-duplicates, and `seen_twin`: whether any model was trained on one."""
    roles, twins = artifacts.read_table(corpus / DRAWINGS, ["id", "role"]), read_twins(corpus)
    seen = set(roles.id[roles.role == PRETRAIN]) | set(exemplars["source"][exemplars["split"] == "train"])
    twins_of = [twins.get(source, set()) for source in exemplars["source"]]
    return exemplars.assign(twins=list(map(sorted, twins_of)), seen_twin=[bool(names & seen) for names in twins_of])


def picture_of(drawing: pd.Series, background: Image.Image, random: Random) -> dict:
    """The columns `image`, `caption` and those of its origin, of a drawing composed on a background."""
    rgba = artifacts.open_image(drawing.image, f"{DRAWINGS}: drawing {drawing.id!r}").convert("RGBA")
    image = artifacts.encode_png(np.asarray(place(rgba, background, random.uniform(*LARGE), random)))
    origin = {"source": drawing.id, "licence": drawing.licence, "author": drawing.author}
    caption = f"a picture of a {drawing.label}"
    return {"image": image, "caption": caption, "sha256": hashlib.sha256(image).hexdigest(), **origin}


def exemplar_of(drawing: pd.Series, seed: int) -> dict:
    """A drawing as an exemplar: on white, near the centre, at a place that the seed and its id decide."""
    white = Image.new("RGB", (SIZE, SIZE), "white")
    picture = picture_of(drawing, white, Random(derive_seed(seed, "exemplar", drawing.id)))
    return {**picture, "new_artist": not FAMILIES[drawing.family].pretrain}
