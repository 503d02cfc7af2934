"""Styles of the miniature: groups of drawings of one family and one subject, one model per group."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.exemplar_sources import columns_of, models_of
from workflow_scripts.miniature.corpus import DRAWINGS
from workflow_scripts.miniature.corpus.exemplars import exemplar_of, read_drawings, with_twins
from workflow_scripts.miniature.corpus.roles import STYLE
from workflow_scripts.study.study import Case


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes all held-out drawings of each group, in the corpus's order, which a hash decides."""
    held_out = dict(list(read_drawings(source, STYLE).groupby("style_group", sort=False)))
    rows = []
    for model in models_of(case):
        if model.name not in held_out:
            raise ValueError(
                f"{source / DRAWINGS}: no held-out drawings of the style group {model.name!r} of {case.name}; "
                f"groups with some: {', '.join(sorted(held_out)) or 'none'}"
            )
        for k, (_, drawing) in enumerate(held_out[model.name].iterrows()):
            rows.append({**columns_of(model), "k": k, **exemplar_of(drawing, seed)})
    yield with_twins(pd.DataFrame(rows), source)
