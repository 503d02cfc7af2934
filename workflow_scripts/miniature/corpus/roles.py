"""Decides what each drawing may be used for, before anything is trained.

An exemplar is never seen in any pre-training, nor is a twin of it: the same drawing rendered in another way by one
vendor (a rule of the families), or one that a perceptual hash cannot tell from it.
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
        drawings: one row per drawing with `family`, `concept`, `style_group` and `fingerprint`.
        classes: exemplars to hold out per object class (a concept's slug).
        groups: style groups to hold out.
        known: concepts that the base model is to know; the others never enter pre-training.

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
    twins = find_twins(table) & ~table.role.isin(HELD_OUT).to_numpy()
    table.loc[twins, "role"] = TWIN
    return table


def _hold_out(table: pd.DataFrame, role: str, rows: list[int]) -> None:
    table.loc[rows, "role"] = role
    table.loc[rows, "order"] = range(len(rows))


def _object_exemplars(table: pd.DataFrame, name: str, count: int) -> list[int]:
    """One drawing per family: families outside pre-training first, then by hash; the final order is by hash alone."""
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
        raise ValueError(
            f"style group {name!r}: {len(rows)} drawings outside pre-training, at least {GROUP_SIZES[0]} needed"
        )
    return _by_hash(rows, name)[: GROUP_SIZES[1]]


def _by_hash(rows: pd.DataFrame, *names: str) -> list[int]:
    return sorted(rows.index, key=lambda row: derive_seed(*names, rows.family[row], rows.concept[row]))


def find_twins(table: pd.DataFrame) -> np.ndarray:
    """True for every drawing that is a twin of a held-out one (other than itself). Returns bool [n]."""
    held = np.flatnonzero(table.role.isin(HELD_OUT))
    bits = np.unpackbits(np.stack([np.frombuffer(code, np.uint8) for code in table.fingerprint]), axis=1)  # [n, 192]
    bits = bits.astype(np.float32)
    family = table.family.map(lambda name: FAMILIES[name].twin_of or name).to_numpy()
    concept = table.concept.to_numpy()
    twins = np.zeros(len(table), bool)
    for row in held:
        luminance, silhouette = (np.abs(bits[:, part] - bits[row, part]).sum(1) for part in (slice(64), slice(64, 128)))
        alike = (luminance <= TWIN_BITS) & (silhouette <= TWIN_BITS)
        same = alike | (family == family[row]) & (concept == concept[row])
        same[row] = False
        twins |= same
    return twins
