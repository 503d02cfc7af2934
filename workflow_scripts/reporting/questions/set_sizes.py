"""Does it hold for models tuned on larger sets? A curve over the number of exemplars."""

from collections.abc import Iterator

import pandas as pd

from workflow_scripts.reporting import figures
from workflow_scripts.reporting.findings import Finding, judge, tally_gains
from workflow_scripts.reporting.results import Results
from workflow_scripts.reporting.table import SET_VIEW, is_random
from workflow_scripts.study.study import UNTUNED

TITLE = "Does it hold for models tuned on larger sets?"
TEXT = (
    "Models tuned on the first 1, 2, 5 ... drawings of one artist's set. The heads were trained on single objects and "
    "small groups. mAP counts all exemplars of the set."
)
NAMES = ("set_size",)


def rows(results: Results) -> pd.DataFrame:
    """Rows by number of exemplars, as the column `set_size`."""
    table = results.default()
    table = table[table["view"].str.startswith(SET_VIEW)]
    return table.assign(set_size=table["view"].str.removeprefix(SET_VIEW).astype(int))


def figure(results: Results) -> str:
    table = rows(results)
    table = table[table["head"].isin([UNTUNED, results.shown.head]) | is_random(table)]
    return figures.curves(table, "set_size", "mAP", "exemplars", "set_sizes", figures.palette(results.table), log=True)


def caption(results: Results) -> str:
    text = (
        "mAP by number of exemplars, with 95 % intervals over models. The dotted line is a random ranking, whose mAP "
        "rises with the size of the set."
    )
    table = results.learned(rows(results))
    if table.empty:
        return text
    tally = tally_gains(table)
    return (
        f"{text} The {results.shown.head} head is clearly better than its encoder in {tally.better} of {tally.total} "
        f"points, and clearly worse in {tally.worse}."
    )


def findings(results: Results) -> Iterator[Finding]:
    """About sets that are larger than any group that a head is trained on, if that size is known."""
    table = results.learned(rows(results))
    if results.largest_group:
        claim = "Tuning on single exemplars and small groups helps on larger sets."
        yield from judge(claim, table[table["set_size"] > results.largest_group], results)
