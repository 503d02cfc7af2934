"""Decides what each drawing may be used for, before anything is trained.

Neither an exemplar nor a twin of it is used in pre-training. A twin is the same drawing in another rendering of its
vendor, or a drawing that a perceptual hash cannot tell from it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workflow_scripts.miniature.corpus.packages import EMOJI_FAMILIES, FAMILIES
from workflow_scripts.seeds import derive_seed

PRETRAIN, OBJECT, STYLE, TWIN, OTHER = "pretrain", "object", "style", "twin", "other"
HELD_OUT = (OBJECT, STYLE)
TWIN_BITS = 8  # of 64, in luminance and in silhouette: Fluent's two renderings differ by 6 and 2 at the median
OBJECT_FAMILIES = [family.name for family in EMOJI_FAMILIES if family.twin_of is None]
MIN_PRETRAIN_FAMILIES = 2  # that a class keeps in pre-training, so that the base model can know it
GROUP_SIZES = (4, 12)  # exemplars of a style group, as in BAM-FG's test groups


def assign_roles(
    drawings: pd.DataFrame, classes: Mapping[str, int], groups: Sequence[str], known: set[str]
) -> pd.DataFrame:
    """Adds the columns `role` and `order` (place among the held-out drawings of its class or group, else -1).

    Args:
        drawings: with the columns `family`, `concept`, `style_group` and `fingerprint`.
        classes: number of exemplars to hold out, by object class (a concept's slug).
        groups: style groups to hold out.
        known: concepts that the base model learns; drawings of others are not used in pre-training.

    Raises:
        ValueError: a class or a group has too few drawings; the message names it and how many there are.
    """
    table = drawings.assign(role=OTHER, order=-1)
    pretrained = table.family.map(lambda name: FAMILIES[name].pretrain)
    table.loc[pretrained & table.concept.isin(known), "role"] = PRETRAIN
    for name, count in classes.items():
        _hold_out(table, OBJECT, _object_exemplars(table, name, count))
    for name in groups:
        _hold_out(table, STYLE, _style_exemplars(table, name))
    table.loc[find_twins(table) & ~table.role.isin(HELD_OUT).to_numpy(), "role"] = TWIN
    return table


def _hold_out(table: pd.DataFrame, role: str, rows: list[int]) -> None:
    table.loc[rows, "role"] = role
    table.loc[rows, "order"] = range(len(rows))


def _object_exemplars(table: pd.DataFrame, name: str, count: int) -> list[int]:
    """One drawing of each family: those outside pre-training first, then by hash; their order is by hash alone."""
    rows = table[(table.concept == name) & table.family.isin(OBJECT_FAMILIES)]
    pretrained = rows.family.map(lambda family: FAMILIES[family].pretrain)
    spare = max(0, int(pretrained.sum()) - MIN_PRETRAIN_FAMILIES)
    ranked = _by_hash(rows[~pretrained], name) + _by_hash(rows[pretrained], name)[:spare]
    if len(ranked) < count:
        raise ValueError(f"object class {name!r}: {count} exemplars asked, {len(ranked)} drawings can be held out")
    return _by_hash(table.loc[ranked[:count]], name, "split")


def _style_exemplars(table: pd.DataFrame, name: str) -> list[int]:
    """Up to GROUP_SIZES[1] drawings of a family and subject that are neither known to the base model nor exemplars."""
    rows = table[(table.style_group == name) & (table.role == OTHER)]
    if len(rows) < GROUP_SIZES[0]:
        have = f"{len(rows)} drawings outside pre-training"
        raise ValueError(f"style group {name!r}: {have}, at least {GROUP_SIZES[0]} needed")
    return _by_hash(rows, name)[: GROUP_SIZES[1]]


def _by_hash(rows: pd.DataFrame, *names: str) -> list[int]:
    return sorted(rows.index, key=lambda row: derive_seed(*names, rows.family[row], rows.concept[row]))


def find_twins(table: pd.DataFrame) -> np.ndarray:
    """Whether each drawing is a twin of another one that is held out: bool [n]."""
    codes = np.stack([np.frombuffer(code, np.uint8) for code in table.fingerprint])
    bits = np.unpackbits(codes, axis=1).astype(np.float32)  # [n, 192]
    family = table.family.map(lambda name: FAMILIES[name].twin_of or name).to_numpy()
    concept = table.concept.to_numpy()
    twins = np.zeros(len(table), bool)
    for row in np.flatnonzero(table.role.isin(HELD_OUT)):
        luminance, silhouette = (np.abs(bits[:, part] - bits[row, part]).sum(1) for part in (slice(64), slice(64, 128)))
        alike = (luminance <= TWIN_BITS) & (silhouette <= TWIN_BITS)
        same = alike | (family == family[row]) & (concept == concept[row])
        same[row] = False
        twins |= same
    return twins
