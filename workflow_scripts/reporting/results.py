"""All numbers of a study, and the parts of them that questions and sentences are about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.reporting.table import is_random, main_rows, ordered, set_cases
from workflow_scripts.study.settings.report import Shown
from workflow_scripts.study.study import UNTUNED


@dataclass(frozen=True)
class Results:
    """All numbers of a study. A step fills in those that it has."""

    shown: Shown
    table: pd.DataFrame  # of `table.tabulate`, in reading order
    calibrations: pd.DataFrame = field(default_factory=pd.DataFrame)  # a row per head
    points: pd.DataFrame = field(default_factory=pd.DataFrame)  # reliability, a row per head, cell and bin
    histories: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # training of the learned head, by encoder
    largest_group: int = 0  # exemplars of the largest model that heads are trained on; 0 if unknown

    @classmethod
    def of_table(cls, shown: Shown, table: pd.DataFrame, **more: Any) -> Self:
        """The results in a table, in any order."""
        if "mAP_gain" not in table:  # nothing was compared
            table = table.assign(mAP_gain=float("nan"), mAP_change=None)
        return cls(shown, ordered(table), **more)

    @classmethod
    def read(cls, shown: Shown, table: Path, calibrations: Path, exemplars: Iterable[Path]) -> Self:
        """The results in the files of step tabulate, and in those of the exemplars that heads are trained on."""
        fitted = artifacts.read_csv(calibrations)
        largest = largest_group(exemplars)
        return cls.of_table(shown, artifacts.read_csv(table), calibrations=fitted, largest_group=largest)

    def by_method(self) -> list[Self]:
        """The results of each method; see `of`."""
        return [self.of(method) for method in self.shown.methods]

    def of(self, method: str) -> Self:
        """The results of one method, with the random rows."""
        rows = self.table[(self.table["method"] == method) | is_random(self.table)]
        return replace(self, table=rows, shown=replace(self.shown, methods=(method,)))

    def default(self) -> pd.DataFrame:
        """The untuned features, the heads of the default training set, and the random rows."""
        return self.table[self.is_default(self.table) | is_random(self.table)]

    def is_default(self, rows: pd.DataFrame) -> pd.Series:
        """Marks the rows of the untuned features and of the heads of the default training set."""
        untuned, named = rows["head"] == UNTUNED, rows["training_set"]
        return untuned & (named == self.shown.untuned_set) | ~untuned & (named == self.shown.training_set)

    def pair(self) -> pd.DataFrame:
        """The untuned features and the learned head of the default training set."""
        rows = self.default()
        return rows[rows["head"].isin([UNTUNED, self.shown.head])]

    def views(self, *views: str) -> pd.DataFrame:
        """The pair's test rows in some views, of the cases that have at least two of these views."""
        rows = self.pair()
        rows = rows[(rows["split"] == "test") & rows["view"].isin(views)]
        compared = rows.groupby("case")["view"].transform("nunique") > 1
        return rows[compared & ~rows["case"].isin(set_cases(self.table))]

    def learned(self, rows: pd.DataFrame, kind: str | None = None) -> pd.DataFrame:
        """The given rows of the learned head on image encoders, of one kind of cases or of all."""
        rows = rows[(rows["head"] == self.shown.head) & rows["encoder"].isin(self.shown.encoders)]
        return rows if kind is None else rows[rows["kind"] == kind]

    def compared(self) -> pd.DataFrame:
        """The comparisons of the learned head with the untuned features in the paper's cells."""
        return self.learned(main_rows(whole_cells(self.pair()))).dropna(subset="mAP_gain")


def whole_cells(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of all queries of each cell and split, without the cases of growing sets, a question of their own."""
    return rows[(rows["view"] == "all") & ~rows["case"].isin(set_cases(rows))]


def largest_group(exemplars: Iterable[Path]) -> int:
    """The exemplars of the largest train model in the parquet files of the cases that a head is trained on."""
    tables = [artifacts.read_table(file, ["model", "split"], keep={"split": ["train"]}) for file in exemplars]
    return max((int(table["model"].value_counts().max()) for table in tables if len(table)), default=0)
