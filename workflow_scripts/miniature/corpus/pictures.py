"""Pictures of the corpus's drawings as a study shows them, with their origin."""

import hashlib
from random import Random

import numpy as np
import pandas as pd
from PIL import Image

from workflow_scripts import artifacts
from workflow_scripts.miniature.corpus.compose import LARGE, place
from workflow_scripts.miniature.corpus.packages import FAMILIES
from workflow_scripts.miniature.corpus.scenes import SIZE
from workflow_scripts.seeds import derive_seed


def picture_of(drawing: pd.Series, background: Image.Image, random: Random) -> dict:
    """The columns `image`, `caption` and those of its origin, of a drawing composed on a background."""
    rgba = artifacts.open_image(drawing.image, f"drawings.parquet: drawing {drawing.id!r}").convert("RGBA")
    image = artifacts.encode_png(np.asarray(place(rgba, background, random.uniform(*LARGE), random)))
    origin = {"source": drawing.id, "licence": drawing.licence, "author": drawing.author}
    caption = f"a picture of a {drawing.label}"
    return {"image": image, "caption": caption, "sha256": hashlib.sha256(image).hexdigest(), **origin}


def exemplar_of(drawing: pd.Series, seed: int) -> dict:
    """A drawing as an exemplar: on white, near the centre, as its seed and id decide."""
    white = Image.new("RGB", (SIZE, SIZE), "white")
    known_artist = FAMILIES[drawing.family].pretrain
    return {
        **picture_of(drawing, white, Random(derive_seed(seed, "exemplar", drawing.id))),
        "new_artist": not known_artist,
    }
