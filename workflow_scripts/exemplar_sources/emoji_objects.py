"""Objects of the miniature: drawings of each concept by several artists, one model each."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.exemplar_sources import columns_of, models_of, number_of
from workflow_scripts.miniature.corpus import DRAWINGS
from workflow_scripts.miniature.corpus.exemplars import exemplar_of, read_drawings, with_twins
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.study.study import Case


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes the held-out drawings of each class in the corpus's order, which a hash decides."""
    held_out = {name: list(rows.iterrows()) for name, rows in read_drawings(source, OBJECT).groupby("concept")}
    rows = []
    for model in models_of(case):
        drawings = held_out.get(model.class_name, [])
        if number_of(model) >= len(drawings):
            raise ValueError(
                f"{source / DRAWINGS}: class {model.class_name!r} of {case.name} has {len(drawings)} held-out "
                f"drawings, {model.name!r} needs one more; classes with some: {', '.join(sorted(held_out)) or 'none'}"
            )
        rows.append({**columns_of(model), "k": 0, **exemplar_of(drawings[number_of(model)][1], seed)})
    yield with_twins(pd.DataFrame(rows), source)
