"""What a researcher asks DVC: the numbers, what changed in them, pictures of them, and an experiment."""

import json
import re

import pytest

from tests.dvc.repositories import Repository

SUMMARY = "results/smoke/report/summary"
HEAD = f"{SUMMARY}/feature_similarity.pixels.linear.json"
STUDY = "config/studies/smoke.yaml"


def test_metrics_have_a_row_per_head_and_a_column_per_cell(pulled: Repository):
    lines = pulled.must("dvc", "metrics", "show").splitlines()
    columns = re.split(r"\s{2,}", lines[0].strip())
    assert columns[0] == "Path" and columns[-1] == "influence_kl"
    assert {"emoji_seen.llm.recall@10", "families_seen.procedural.mAP"} <= set(columns)
    encoders, heads = ("clip_mini", "pixels", "text"), ("channel", "identity", "linear")
    expected = {f"{SUMMARY}/feature_similarity.{encoder}.{head}.json" for encoder in encoders for head in heads}
    assert {line.split()[0] for line in lines[1:]} == expected
    row = next(line.split() for line in lines if line.startswith(HEAD))
    summary = json.loads((pulled.folder / HEAD).read_text())
    assert float(row[columns.index("emoji_seen.llm.mAP")]) == summary["emoji_seen"]["llm"]["mAP"]


def test_metrics_diff_names_what_changed(pulled: Repository):
    assert pulled.must("dvc", "metrics", "diff") == ""
    with pulled.edited(HEAD, r'("influence_kl": )[\d.]+', r"\g<1>0.25"):
        heading, *rows = pulled.must("dvc", "metrics", "diff").splitlines()
    assert heading.split() == ["Path", "Metric", "HEAD", "workspace", "Change"]
    assert [row.split()[:2] for row in rows] == [[HEAD, "influence_kl"]]
    assert float(rows[0].split()[3]) == 0.25


@pytest.mark.parametrize(
    ("table", "title"),
    [
        ("tuning", "Does tuning find the exemplar again?"),
        ("learning_curve", "How many training models does a head need?"),
        ("set_sizes", "Does it hold for models tuned on larger sets?"),
        ("calibration", "Does calibration bring influence nearer to the truth?"),
    ],
)
def test_plots_draw_the_tables_of_the_report(table: str, title: str, pulled: Repository):
    shown = pulled.must("dvc", "plots", "show", "--show-vega", f"results/smoke/report/tables/{table}.csv")
    specification = json.loads(shown)
    assert specification["title"]["text"] == title
    assert "<DVC_" not in shown
    rows = (pulled.folder / f"results/smoke/report/tables/{table}.csv").read_text().splitlines()
    assert len(specification["data"]["values"]) == len(rows) - 1


def test_an_experiment_reruns_only_its_stages(pulled_lab: Repository):
    before = (pulled_lab.folder / STUDY).read_text()
    try:
        said = pulled_lab.must("dvc", "exp", "run", "--name", "other", "-S", f"{STUDY}:report.weights=others")
        after = (pulled_lab.folder / STUDY).read_text()
        table = pulled_lab.must("dvc", "exp", "show", "--csv", "--only-changed")
    finally:
        pulled_lab.must("git", "checkout", "--", ".")
        pulled_lab.must("dvc", "checkout", "--force")
        pulled_lab.must("make", "--old-file=.venv/requirements.lock", "pull")
    assert re.findall(r"Running stage '(\w+)'", said) == ["report"]
    assert set(re.findall(r"^(\w+) +\d+$", said, re.MULTILINE)) == {"index", "plot", "report", "tabulate", "total"}
    assert comments(after) == comments(before)
    assert "report.weights" in table and "others" in table


def comments(text: str) -> list[str]:
    return re.findall(r"# *(.*)", text)
