"""What the sources of the miniature share: the drawings of the corpus, and their near-duplicates."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.exemplar_sources import DRAWINGS, TWINS
from workflow_scripts.miniature.corpus.roles import PRETRAIN

COLUMNS = ["id", "concept", "label", "family", "role", "order", "style_group", "image", "licence", "author"]


def read_drawings(corpus: Path, role: str | None = None) -> pd.DataFrame:
    """The drawings in the folder of a corpus, by role if one is given, in the order in which they were held out."""
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
    """A case's exemplars with their columns `twins` and `seen_twin`."""
    roles, twins = artifacts.read_table(corpus / DRAWINGS, ["id", "role"]), read_twins(corpus)
    seen = set(roles.id[roles.role == PRETRAIN]) | set(exemplars["source"][exemplars["split"] == "train"])
    found = [twins.get(source, set()) for source in exemplars["source"]]
    return exemplars.assign(twins=list(map(sorted, found)), seen_twin=[bool(names & seen) for names in found])
