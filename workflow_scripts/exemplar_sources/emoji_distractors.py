"""Distractors of the miniature: all other drawings, half on white like exemplars, half on a background like samples.

The column `class` holds the concept, so that hard distractors (the same concept by other artists) can be told apart.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pandas as pd
from PIL import Image

from workflow_scripts.exemplar_sources import Exemplars
from workflow_scripts.miniature.corpus import DRAWINGS
from workflow_scripts.miniature.corpus.compose import draw_background
from workflow_scripts.miniature.corpus.exemplars import picture_of, read_drawings, read_twins
from workflow_scripts.miniature.corpus.packages import FAMILIES
from workflow_scripts.miniature.corpus.roles import OTHER, PRETRAIN
from workflow_scripts.miniature.corpus.scenes import SIZE
from workflow_scripts.seeds import derive_seed


def distract(source: Path, exemplars: Exemplars, count: int, seed: int) -> Iterator[pd.DataFrame]:
    """Takes drawings in the order of their hash, never an exemplar or its twin, and one of each pair of twins."""
    table = read_drawings(source)
    single = table.family.map(lambda name: FAMILIES[name].twin_of is None)
    twins = {twin for name, others in read_twins(source).items() if name in exemplars.sources for twin in others}
    free = table[table.role.isin((PRETRAIN, OTHER)) & single & ~table.id.isin(exemplars.sources | twins)]
    if len(free) < count:
        raise ValueError(f"{source / DRAWINGS}: distractors.count is {count}, the corpus has {len(free)} free drawings")
    first = sorted(free.index, key=lambda row: derive_seed(seed, "distractor", free.id[row]))[:count]
    yield pd.DataFrame([_distractor(free.loc[row], seed) for row in first])


def _distractor(drawing: pd.Series, seed: int) -> dict:
    random = Random(derive_seed(seed, "distractor picture", drawing.id))
    on_white = random.random() < 0.5
    background = Image.new("RGB", (SIZE, SIZE), "white") if on_white else draw_background(random)[0]
    return {"id": drawing.id, "class": drawing.concept, **picture_of(drawing, background, random)}
