"""Growing sets of one artist's drawings, for models tuned on 1, 2, 5 ... exemplars; each set is part of the next.

A group is `{family}-{part}`: the part-th slice of the family's drawings, in the order of their hash. Families that our
weights were trained on are left out.
"""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from workflow_scripts.exemplar_sources import columns_of, models_of, number_of
from workflow_scripts.miniature.corpus import DRAWINGS
from workflow_scripts.miniature.corpus.exemplars import exemplar_of, read_drawings, with_twins
from workflow_scripts.miniature.corpus.packages import FAMILIES
from workflow_scripts.miniature.corpus.roles import OTHER
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.study import Case


def select(source: Path, case: Case, seed: int) -> Iterator[pd.DataFrame]:
    """Takes as many drawings from the start of each group's slice as the model's size says."""
    table = read_drawings(source)
    free = {name: rows for name, rows in table[table.role == OTHER].groupby("family") if not FAMILIES[name].pretrain}
    rows = []
    for model in models_of(case):
        drawings = _slice(free, source, model.class_name, max(case.set_sizes))[: number_of(model)]
        rows += [{**columns_of(model), "k": k, **exemplar_of(table.loc[row], seed)} for k, row in enumerate(drawings)]
    yield with_twins(pd.DataFrame(rows), source)


def _slice(free: dict[str, pd.DataFrame], source: Path, group: str, length: int) -> list[int]:
    family, _, part = group.rpartition("-")
    if family not in free or not part.isdigit():
        raise ValueError(
            f"{source / DRAWINGS}: no set {group!r}; a set is a family and a number, families: {', '.join(free)}"
        )
    order = sorted(free[family].index, key=lambda row: derive_seed("set", free[family].id[row]))
    drawings = order[int(part) * length : (int(part) + 1) * length]
    if len(drawings) < length:
        raise ValueError(
            f"{source / DRAWINGS}: set {group!r} needs {length} drawings, {family!r} has {len(order)} in all"
        )
    return drawings
