"""What the report says: sentences and table rows computed from the table of all cells."""

from typing import Any

import pandas as pd
from scipy.stats import false_discovery_control

from workflow_scripts.reporting.table import CELL, RANDOM, gain, metrics_of, number, ordered, percent

MAIN = "recall@10"  # the measure that sentences are about
NOTHING_COMPARED = "No learned head was compared with untuned features yet."


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of learned heads with `verdict`: whether the interval of their gain in mAP lies above, below or over 0."""
    if "mAP_gain" not in table:
        return table.iloc[:0].assign(verdict="")
    rows = table[table["mAP_gain"].notna()]
    verdict = pd.Series("unclear", rows.index).mask(rows["mAP_gain_low"] > 0, "better")
    return rows.assign(verdict=verdict.mask(rows["mAP_gain_high"] < 0, "worse"))


def headline(table: pd.DataFrame) -> str:
    """The finding in one sentence."""
    rows = verdicts(table)
    if rows.empty:
        return NOTHING_COMPARED
    better = int((rows["verdict"] == "better").sum())
    return (
        f"Learned heads beat the untuned features in {better} of {len(rows)} comparisons: on average they lift "
        f"Recall@10 from {_mean_before(rows)} % to {_mean(rows[MAIN])} %, where chance is {_chance(table)} %."
    )


def explanation(table: pd.DataFrame) -> str:
    """How the headline was counted, and the comparisons that it does not name."""
    rows = verdicts(table)
    if rows.empty:
        return "Every number below stands with its 95 % interval."
    worse, unclear = (int((rows["verdict"] == verdict).sum()) for verdict in ("worse", "unclear"))
    return (
        "A comparison is one encoder and head on one case and prompt set. A head beats its encoder when the 95 % "
        "interval of the paired difference in mAP, bootstrapped over models, lies above zero; "
        f"below zero it lies in {worse}, and {unclear} cannot be told at this size. Counted together, at a false "
        f"discovery rate of 5 % (Benjamini and Hochberg), {_discoveries(rows)} of the gains stand."
    )


def _discoveries(rows: pd.DataFrame) -> int:
    """How many heads beat their encoder when all comparisons are one family."""
    tested = rows[rows["mAP_gain_p"].notna()]
    if tested.empty:
        return 0
    return int(((false_discovery_control(tested["mAP_gain_p"]) < 0.05) & (tested["mAP_gain"] > 0)).sum())


def by_case(table: pd.DataFrame) -> list[dict[str, Any]]:
    """A row per case: Recall@10 before and after learning, averaged over encoders, heads and prompt sets."""
    rows = verdicts(table)
    return [
        {
            "case": case,
            "kind": part["kind"].iloc[0],
            "n_models": number(part["n_models"].max()),
            "before": _mean_before(part),
            "after": _mean(part[MAIN]),
            "chance": _chance(table[table["case"] == case]),
            **{verdict: int((part["verdict"] == verdict).sum()) for verdict in ("better", "unclear", "worse")},
        }
        for case, part in rows.groupby("case", sort=False)
    ]


def table_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Every row of the table as the page shows it: per cell of text, the text, a note, and what to sort by."""
    return [
        {
            "names": [row[name] for name in (*CELL, "encoder", "head", "training_set")],
            "artists": row["artists"],
            "random": row["method"] == RANDOM["method"],
            "counts": [_cell(number(row[name]), "", row[name]) for name in ("n_models", "n_queries", "candidates")],
            "shares": [_cell(*percent(row, metric), row[metric]) for metric in metrics_of(table)],
            "rank": _cell(number(row["median_rank"]), _span(row), row["median_rank"]),
            "influence": _influence(row),
            "gain": _gain(row),
            "labels": [row["data"], row["weights"]],
        }
        for row in ordered(table).to_dict("records")
    ]


def captions(table: pd.DataFrame) -> dict[str, str]:
    """What each figure shows, by the stem of its file."""
    rows = verdicts(table)
    lifted = int((rows[f"{MAIN}_gain"] > 0).sum()) if len(rows) else 0
    return {
        "recall": "Recall@10 of each cell and encoder, with 95 % intervals over models. The bar of the learned head is "
        f"the higher one in {lifted} of {len(rows)} pairs.",
        "mAP": "Mean average precision over the full ranking, in the same cells.",
        "reliability": "Influence that the top ten candidates are given, against what the ground truth gives them: "
        "points on the dotted line are calibrated, points below it claim too much.",
        "history": "Training of the heads: loss, and mAP on the validation models; the dot marks the head kept.",
    }


def _cell(text: str, note: str, value: Any) -> dict[str, Any]:
    return {"text": text, "note": note, "sort": "" if pd.isna(value) else float(value)}


def _span(row: dict[str, Any]) -> str:
    low, high = row["median_rank_low"], row["median_rank_high"]
    return "" if pd.isna(low) else f"{number(low)} to {number(high)}"


def _influence(row: dict[str, Any]) -> dict[str, Any]:
    """The influence given to the true exemplars; a random ranking and a group of artists have none."""
    measured = row["artists"] == "all" and row["method"] != RANDOM["method"]
    return _cell(*percent(row, "true_influence"), row["true_influence"]) if measured else _cell("", "", None)


def _gain(row: dict[str, Any]) -> dict[str, Any]:
    points, p = gain(row)
    _, span = percent(row, "mAP_gain") if points else ("", "")
    return _cell(points, ", ".join(filter(None, [span, p and f"p = {p}"])), row.get("mAP_gain"))


def _mean(values: pd.Series) -> str:
    return f"{100 * values.mean():.1f}"


def _mean_before(rows: pd.DataFrame) -> str:
    return _mean(rows[MAIN] - rows[f"{MAIN}_gain"])


def _chance(table: pd.DataFrame) -> str:
    """Chance of Recall@10 is ten in the number of candidates."""
    return f"{1000 / table['candidates'].dropna().mean():.2f}"
