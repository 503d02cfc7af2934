"""What the numbers say: sentences for each question, and which findings of the paper hold in this study."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from scipy.stats import false_discovery_control

from workflow_scripts.reporting import questions
from workflow_scripts.reporting.questions import TUNED
from workflow_scripts.reporting.table import RANDOM, main_rows

MAIN = "recall@10"  # the measure that sentences are about
NOTHING_COMPARED = "No learned head was compared with untuned features yet."
HOLDS, MIXED, FAILS, UNCLEAR = "holds", "holds in part", "does not hold", "cannot be told at this size"


@dataclass(frozen=True)
class Tally:
    """How many comparisons came out clearly better, clearly worse, or neither."""

    better: int
    worse: int
    total: int

    @property
    def verdict(self) -> str:
        """A finding holds if half of its comparisons are clearly for it and none against it; in part, if some are."""
        if self.worse:
            return FAILS if self.worse > self.better else MIXED
        return HOLDS if self.total and 2 * self.better >= self.total else UNCLEAR

    def __str__(self) -> str:
        return f"{self.better} of {self.total} comparisons clearly for it, {self.worse} clearly against it"


@dataclass(frozen=True)
class Finding:
    """A finding of the paper, and what this study says of it."""

    claim: str
    verdict: str
    evidence: str


def tally_gains(rows: pd.DataFrame, table: pd.DataFrame) -> Tally:
    """Counts rows whose interval of the gain in mAP lies above or below zero; a gain that stays at chance is none."""
    rows = rows[rows["mAP_gain"].notna()] if "mAP_gain" in rows else rows.iloc[:0]
    if rows.empty:
        return Tally(0, 0, 0)
    better = (rows["mAP_gain_low"] > 0) & above_chance(rows, table)
    return Tally(int(better.sum()), int((rows["mAP_gain_high"] < 0).sum()), len(rows))


def above_chance(rows: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Whether the interval of a row's mAP lies above that of a random ranking in the same cell and view."""
    cell = ["case", "prompt_set", "split", "view"]
    random = table[table["method"] == RANDOM["method"]].set_index(cell)["mAP_high"]
    ends = random.reindex(pd.MultiIndex.from_frame(rows[cell])).fillna(0.0)
    return rows["mAP_low"] > ends.set_axis(rows.index)


def tally_pairs(first: pd.DataFrame, second: pd.DataFrame, metric: str, on: Sequence[str]) -> Tally:
    """Counts rows of `second` whose interval lies wholly above or below that of its partner in `first`."""
    columns = [*on, f"{metric}_low", f"{metric}_high"]
    pairs = second[columns].merge(first[columns], on=list(on), suffixes=("", "_first")).dropna()
    better = (pairs[f"{metric}_low"] > pairs[f"{metric}_high_first"]).sum()
    worse = (pairs[f"{metric}_high"] < pairs[f"{metric}_low_first"]).sum()
    return Tally(int(better), int(worse), len(pairs))


def headline(table: pd.DataFrame) -> str:
    """The finding in one sentence."""
    rows = _compared(table)
    if rows.empty:
        return NOTHING_COMPARED
    tally = tally_gains(rows, table)
    return (
        f"Learned heads beat the untuned features in {tally.better} of {tally.total} comparisons: on average they lift "
        f"Recall@10 from {_mean(rows[MAIN] - rows[f'{MAIN}_gain'])} % to {_mean(rows[MAIN])} %, where chance is "
        f"{100 * rows[f'{MAIN}_chance'].mean():.2f} %."
    )


def explanation(table: pd.DataFrame) -> str:
    """How the headline was counted, and the comparisons that it does not name."""
    rows = _compared(table)
    if rows.empty:
        return "Every number below stands with its 95 % interval."
    tally = tally_gains(rows, table)
    unclear = tally.total - tally.better - tally.worse
    return (
        "A comparison is one encoder with the linear head on one case and prompt set. A head beats its encoder when "
        "the 95 % interval of the paired difference in mAP, bootstrapped over models, lies above zero and the head "
        f"above chance; below zero the difference lies in {tally.worse}, and {unclear} cannot be told at this size. "
        "Counted together, at a false discovery rate of 5 % (Benjamini and Hochberg), "
        f"{_discoveries(rows, table)} of the gains stand."
    )


def _compared(table: pd.DataFrame) -> pd.DataFrame:
    """Linear heads of the default training set in the paper's cells, on encoders that look at images."""
    rows = main_rows(questions.pair(questions.whole_cells(table)))
    rows = rows[(rows["head"] == TUNED) & (rows["encoder"] != "text")]
    return rows[rows["mAP_gain"].notna()] if "mAP_gain" in rows else rows.iloc[:0]


def _discoveries(rows: pd.DataFrame, table: pd.DataFrame) -> int:
    """How many heads beat their encoder when all comparisons are one family."""
    tested = rows[rows["mAP_gain_p"].notna()]
    if tested.empty:
        return 0
    stands = (false_discovery_control(tested["mAP_gain_p"]) < 0.05) & (tested["mAP_gain"] > 0)
    return int((stands & above_chance(tested, table)).sum())


def by_case(table: pd.DataFrame) -> list[dict[str, str]]:
    """A row per case: Recall@10 before and after learning, averaged over encoders and prompt sets."""
    return [
        {
            "case": case,
            "kind": part["kind"].iloc[0],
            "n_models": f"{part['n_models'].max():,}",
            "before": _mean(part[MAIN] - part[f"{MAIN}_gain"]),
            "after": _mean(part[MAIN]),
            "chance": f"{100 * part[f'{MAIN}_chance'].mean():.2f}",
            "better": str(tally_gains(part, table).better),
            "worse": str(tally_gains(part, table).worse),
            "total": str(len(part)),
        }
        for case, part in _compared(table).groupby("case", sort=False)
    ]


def findings(table: pd.DataFrame, calibrations: pd.DataFrame) -> list[Finding]:
    """The paper's findings that this study can speak to, with the comparisons that they rest on."""
    rows = _compared(table)
    tested = [
        ("Tuning helps on new exemplars of classes it has seen.", _of_kind(rows, "object", seen=True)),
        ("It helps on classes it has never seen.", _of_kind(rows, "object", seen=False)),
        ("It helps on styles of the families it has seen.", _of_kind(rows, "style", seen=True)),
        ("It helps on styles it has never seen.", _of_kind(rows, "style", seen=False)),
        ("Tuning on objects alone helps styles.", _other_kind(table, "object")),
        ("Tuning on styles alone helps objects.", _other_kind(table, "style")),
        ("Heads trained on single exemplars and small groups still rank larger sets.", _larger_sets(table)),
    ]
    tallies = [(claim, tally_gains(part, table)) for claim, part in tested if len(part)]
    found = [Finding(claim, tally.verdict, f"{tally}.") for claim, tally in tallies]
    return [*found, *_learning_curve(table), *_no_overfitting(table), *_calibrated(calibrations)]


def _of_kind(rows: pd.DataFrame, kind: str, seen: bool) -> pd.DataFrame:
    return rows[(rows["kind"] == kind) & (rows["seen"] == seen)]


def _other_kind(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Linear heads of training sets that are named after one kind, on cases of the other."""
    rows = questions.training_sets(table)
    return rows[(rows["training_set"] == kind) & (rows["kind"] != kind) & (rows["encoder"] != "text")]


def _larger_sets(table: pd.DataFrame) -> pd.DataFrame:
    """Sets larger than any group that a head was trained on."""
    rows = questions.set_sizes(table)
    return rows[(rows["set_size"] > 12) & (rows["head"] == TUNED) & (rows["encoder"] != "text")]


def _learning_curve(table: pd.DataFrame) -> list[Finding]:
    rows = questions.learning_curve(table)
    rows = rows[(rows["split"] == "test") & (rows["kind"] == "object") & (rows["encoder"] != "text")]
    shares = sorted(share for share in rows["share"].unique() if 0 < share < 1)
    if not shares:
        return []
    least, most = rows[rows["share"] == shares[0]], rows[rows["share"] == 1]
    tally = tally_pairs(least, most, "mAP", ["encoder", "case", "prompt_set"])
    claim = f"More training models make a better head ({shares[0]:.0%} against all, objects)."
    return [Finding(claim, tally.verdict, f"{tally}: intervals of mAP that do not overlap.")]


def _no_overfitting(table: pd.DataFrame) -> list[Finding]:
    rows = questions.pair(questions.whole_cells(table))
    rows = rows[(rows["head"] == TUNED) & (rows["kind"] == "object") & (rows["encoder"] != "text")]
    if "mAP_gain" not in rows:
        return []
    train, test = rows[rows["split"] == "train"], rows[rows["split"] == "test"]
    tally = tally_pairs(train, test, "mAP_gain", ["encoder", "case", "prompt_set"])
    if not tally.total:
        return []
    verdict = FAILS if tally.worse else HOLDS
    evidence = (
        f"The gain is clearly smaller on test than on train models in {tally.worse} of {tally.total} comparisons; "
        "their prompts differ too."
    )
    return [
        Finding("Heads do not over-fit: what they gain on train models they gain on test models.", verdict, evidence)
    ]


def _calibrated(calibrations: pd.DataFrame) -> list[Finding]:
    calibrations = calibrations.dropna(subset="kl_after")  # of a release it is not known
    if calibrations.empty:
        return []
    better = int((calibrations["kl_after"] < calibrations["kl_before"]).sum())
    tally = Tally(better, len(calibrations) - better, len(calibrations))
    evidence = f"On val the divergence falls for {better} of {len(calibrations)} heads."
    return [Finding("Fitting tau and lambda brings influence nearer to the truth.", tally.verdict, evidence)]


def captions(table: pd.DataFrame, calibrations: pd.DataFrame) -> dict[str, str]:
    """What each figure shows, by the stem of its file; each states its finding."""
    makers: dict[str, Callable[[], str]] = {
        "tuning": lambda: _tuning_caption(table),
        "training_sets": lambda: _best_set_caption(table),
        "difficulty": lambda: _views_caption(table, "all", "easy") + _hard_ones(table),
        "protocols": lambda: _views_caption(table, "all", "others"),
        "artists": lambda: _views_caption(table, "known", "new"),
        "set_sizes": lambda: _set_caption(table),
        "generalisation": lambda: _split_caption(table),
        "learning_curve": lambda: _share_caption(table),
        "reliability": lambda: (
            "Influence that the top ten candidates are given, against what the ground truth gives "
            "them: points on the dotted line are calibrated, points below it claim too much."
        ),
        "history": lambda: (
            "Training of the linear heads: mAP of train samples (dashed) and of val samples (solid) among "
            "the exemplars of their own split; the dot marks the epoch and temperature kept."
        ),
    }
    return {name: make() for name, make in makers.items()}


def _tuning_caption(table: pd.DataFrame) -> str:
    rows = _compared(table)
    lifted = int((rows[f"{MAIN}_gain"] > 0).sum()) if len(rows) else 0
    return (
        "Recall@10 of each cell and encoder, with 95 % intervals over models. The linear head's bar is higher than the "
        f"untuned one in {lifted} of {len(rows)} pairs."
    )


def _best_set_caption(table: pd.DataFrame) -> str:
    rows = questions.training_sets(table)
    means = rows[rows["encoder"] != "text"].groupby(["kind", "training_set", "head"])["mAP"].mean().reset_index()
    best = [
        f"{part.loc[part['mAP'].idxmax(), 'training_set']} for {kind}s"
        for kind, part in means[means["head"] == TUNED].groupby("kind")
    ]
    return f"mAP of linear heads by training set. The best on average: {', '.join(best)}."


def _views_caption(table: pd.DataFrame, first: str, second: str) -> str:
    rows = questions.in_views(first, second)(table)
    rows = rows[(rows["head"] == TUNED) & (rows["encoder"] != "text") & (rows["kind"] == "object")]
    means = rows.groupby("view")[MAIN].mean()
    if not {first, second} <= set(means.index):
        return f"mAP by view, {first} and {second} among them."
    return (
        f"mAP by view. Averaged over image encoders with the linear head, objects: Recall@10 is "
        f"{100 * means[first]:.1f} % in the view {first} and {100 * means[second]:.1f} % in the view {second}."
    )


def _hard_ones(table: pd.DataFrame) -> str:
    hard = table[table["view"] == "hard"]
    return f" Beside the exemplar stand {hard['candidates'].median() - 1:.0f} hard distractors in the median."


def _set_caption(table: pd.DataFrame) -> str:
    rows = questions.set_sizes(table)
    rows = rows[(rows["head"] == TUNED) & (rows["encoder"] != "text")]
    if rows.empty:
        return "mAP by number of exemplars."
    better = tally_gains(rows, table)
    return (
        "mAP by number of exemplars, with 95 % intervals over models; the dotted line is a random ranking, which rises "
        f"with the set. The linear head clearly beats its encoder in {better.better} of {better.total} points, and "
        f"clearly loses in {better.worse}."
    )


def _split_caption(table: pd.DataFrame) -> str:
    rows = questions.pair(questions.whole_cells(table))
    rows = rows[(rows["head"] == TUNED) & (rows["encoder"] != "text") & (rows["kind"] == "object")]
    means = 100 * rows.groupby("split")["mAP"].mean()
    parts = ", ".join(f"{means[split]:.1f} % on {split}" for split in ("train", "val", "test") if split in means)
    return f"mAP of the linear head (solid) and of untuned features (dashed). Objects, averaged: {parts}."


def _share_caption(table: pd.DataFrame) -> str:
    rows = questions.learning_curve(table)
    rows = rows[(rows["split"] == "test") & (rows["encoder"] != "text") & (rows["kind"] == "object")]
    means = 100 * rows.groupby("share")["mAP"].mean()
    course = ", ".join(f"{mean:.1f} % at {share:.0%}" for share, mean in means.items())
    return f"mAP on test by share of the training models. Objects, averaged over image encoders: {course}."


def _mean(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f}"
