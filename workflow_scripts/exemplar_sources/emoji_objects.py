"""Objects of the miniature: per concept several artists' drawings, one model each."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.miniature.corpus import DRAWINGS
from workflow_scripts.miniature.corpus.exemplars import exemplar_of, read_drawings, with_twins
from workflow_scripts.miniature.corpus.roles import OBJECT
from workflow_scripts.study.study import SPLITS, Case


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes the held-out drawings of each class in their order, which the corpus fixed by hash: train, val, test."""
    held_out = {name: list(rows.iterrows()) for name, rows in read_drawings(source, OBJECT).groupby("concept")}
    rows = []
    for split in SPLITS:
        for model in case.models[split]:
            choice, place = held_out.get(model.class_name, []), int(model.name[-4:])
            if place >= len(choice):
                raise ValueError(
                    f"{source / DRAWINGS}: class {model.class_name!r} of {case.name} has {len(choice)} held-out "
                    f"drawings, {model.name!r} needs one more; classes with some: "
                    f"{', '.join(sorted(held_out)) or 'none'}"
                )
            about = {"model": model.name, "split": split, "class": model.class_name, "class_word": model.class_word}
            rows.append({**about, "k": 0, **exemplar_of(choice[place][1], seed)})
    yield with_twins(pd.DataFrame(rows), source)
