"""Which samples the gallery shows: some drawn at random, some chosen by rule, spread over all cells.

The rule picks, in each cell, the queries whose rank tuning improves or worsens most. A query's rank is that of its best
true exemplar; its change is the factor between the ranks before and after.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from workflow_scripts.evaluation.cells import QUERY
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.report import GallerySettings

RANDOM, GAIN, LOSS = "random", "largest gain", "largest loss"


def choose(
    untuned: Mapping[str, pd.DataFrame], tuned: Mapping[str, pd.DataFrame], settings: GallerySettings
) -> dict[str, pd.DataFrame]:
    """Chooses queries of every cell, by scores of one encoder and method, by case.

    Returns:
        By case the columns QUERY and `reasons`, a tuple.
    """
    cells = [
        (case, table.iloc[rows])
        for case, table in tuned.items()
        for rows in table.groupby("prompt_set", sort=False).indices.values()
    ]
    drawn, extreme = (share(count, len(cells)) for count in (settings.random, settings.chosen))
    reasons: dict[str, dict[tuple, list[str]]] = {}
    for i, (case, table) in enumerate(cells):
        prompt_set = table["prompt_set"].iloc[0]
        picks = [(RANDOM, row) for row in rows_of(draw(table, drawn[i], settings.seed, case, prompt_set))]
        moves = extremes(match(untuned[case], table), table)
        picks += take_turns(moves if i % 2 == 0 else dict(reversed(moves.items())), extreme[i])
        for reason, query in picks:
            reasons.setdefault(case, {}).setdefault(query, []).append(reason)
    return {
        case: pd.DataFrame(list(queries), columns=QUERY).assign(reasons=[*map(tuple, queries.values())])
        for case, queries in reasons.items()
    }


def share(count: int, cells: int) -> list[int]:
    """How many of `count` queries each cell gets: equal shares, at least one."""
    return [max(1, count // cells + (i < count % cells)) for i in range(cells)]


def draw(scores: pd.DataFrame, count: int, *seed: str | int) -> pd.DataFrame:
    """A random choice of queries of different models; it changes little when queries or models are added."""
    draw = [derive_seed(*seed, *query) for query in rows_of(scores)]
    return scores.assign(draw=draw).sort_values("draw").drop_duplicates("model").head(count)


def extremes(untuned: pd.DataFrame, tuned: pd.DataFrame) -> dict[str, list[tuple]]:
    """Queries of different models that tuning improves, and that it worsens, each with the largest change first."""
    gain = np.log(untuned["best"].to_numpy() / tuned["best"].to_numpy())
    moved = tuned.assign(gain=gain).sort_values(QUERY)
    better = moved[moved["gain"] > 0].sort_values("gain", ascending=False, kind="stable")
    worse = moved[moved["gain"] < 0].sort_values("gain", kind="stable")
    return {name: rows_of(rows.drop_duplicates("model")) for name, rows in ((GAIN, better), (LOSS, worse))}


def take_turns(moves: Mapping[str, list[tuple]], count: int) -> Iterator[tuple[str, tuple]]:
    """The first of each list, then the second of each, and so on; a list that has ended is left out."""
    names = list(moves)
    for turn in range(count):
        name, place = names[turn % len(names)], turn // len(names)
        if place < len(moves[name]):
            yield name, moves[name][place]


def match(scores: pd.DataFrame, queries: pd.DataFrame) -> pd.DataFrame:
    """The rows of the queries in another table of scores, in their order. ValueError if a query is missing."""
    rows = queries[QUERY].merge(scores, how="left", on=QUERY)
    lacking = rows["ranks"].isna()
    if lacking.any():
        raise ValueError(f"scores to compare lack the query {rows.loc[lacking, QUERY].iloc[0].to_dict()}")
    return rows


def rows_of(scores: pd.DataFrame) -> list[tuple]:
    """The queries of a table, each as a tuple of QUERY."""
    return list(scores[QUERY].itertuples(index=False, name=None))
