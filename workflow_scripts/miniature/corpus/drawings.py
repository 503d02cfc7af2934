"""Builds the table of drawings: rendered, fingerprinted, with licence and author, and with a role each."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from workflow_scripts.miniature.corpus.packages import FAMILIES, Source, read_sources, slugify
from workflow_scripts.miniature.corpus.rendering import encode, fingerprint, render
from workflow_scripts.miniature.corpus.roles import PRETRAIN, assign_roles

ORIGIN = ("family", "package", "version", "licence", "author", "concept", "label", "group", "subgroup")
ATTRIBUTION = """\
# Attribution of the drawings

Generated with `drawings.parquet`, where every drawing names its own author and licence. The drawings were
rasterised, cropped and scaled to 64 pixels; nothing else was changed. Drawings under a share-alike licence
(CC-BY-SA) are used as exemplars and distractors and never trained the weights that we ship.

| family | author | licence | package | drawings | in pre-training |
|---|---|---|---|---|---|
"""


def build_drawings(
    packages: Path, classes: Mapping[str, int], groups: Sequence[str], known: set[str], workers: int
) -> tuple[pd.DataFrame, list[str]]:
    """Renders every drawing of the packages and decides its role.

    Returns:
        The table (one row per drawing) and the messages of the drawings that could not be rendered.
    """
    sources = list(read_sources(packages))
    rows, errors = [], []
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(_render_row, sources, chunksize=32)
        for row in tqdm(results, total=len(sources), desc="render", unit="drawing", disable=None):
            (rows if isinstance(row, dict) else errors).append(row)
    table = assign_roles(pd.DataFrame(rows), classes, groups, known)
    return _without_idle_twins(table), errors


def _render_row(source: Source) -> dict | str:
    try:
        drawing = render(source)
    except ValueError as error:
        return str(error)
    return {
        "id": f"{source.family}-{slugify(source.name)}",
        **{column: getattr(source, column) for column in ORIGIN},
        "style_group": f"{source.family}-{slugify(source.subgroup)}",
        "fingerprint": fingerprint(drawing),
        "image": encode(drawing),
    }


def _without_idle_twins(table: pd.DataFrame) -> pd.DataFrame:
    """Keeps a second rendering of the same drawings for pre-training only: elsewhere the two would count as one."""
    idle = table.family.map(lambda name: FAMILIES[name].twin_of is not None) & (table.role != PRETRAIN)
    return table[~idle].reset_index(drop=True)


def attribution_text(table: pd.DataFrame) -> str:
    """ATTRIBUTION.md of the drawings: author, licence, package and number of drawings, family by family."""
    lines = []
    by_origin = table.groupby(["family", "author", "licence", "package", "version"], sort=True)
    for (family, author, licence, package, version), rows in by_origin:
        trained = (rows.role == PRETRAIN).sum()
        lines.append(f"| {family} | {author} | {licence} | {package} {version} | {len(rows)} | {trained} |\n")
    return ATTRIBUTION + "".join(lines)
