"""The study's plan in the layout of the paper's dataset tables, checked against the paper's own numbers."""

import io
import json
import sys

import pandas as pd
import pytest

from tests.projects import ROOT
from workflow_scripts import artifacts, checks, settings
from workflow_scripts.config import SPLITS
from workflow_scripts.reporting import plan
from workflow_scripts.schema import read_yaml
from workflow_scripts.steps import plan_table

PAPER = {  # case: kind, and by split models, exemplars, llm prompts, procedural prompts
    "imagenet_seen": ("object", {"train": (4744, 4744, 15, 40), "val": (593, 593, 6, 6), "test": (593, 593, 10, 10)}),
    "imagenet_unseen": ("object", {"test": (1000, 1000, 10, 10)}),
    "bamfg": ("style", {"train": (10607, 78086, 40, 30), "val": (250, 1837, 6, 6), "test": (250, 1692, 10, 10)}),
    "artchive": ("style", {"test": (255, 3081, 10, 10)}),
}


@pytest.fixture
def given() -> dict:
    """The settings of the rule, for the paper's dataset."""
    rows = [
        {"kind": kind, "case": case, "split": split, "models": n, "prompts": {"llm": llm, "procedural": procedural}}
        for case, (kind, splits) in PAPER.items()
        for split, (n, _, llm, procedural) in splits.items()
    ]
    return {"rows": rows, "samples_per_prompt": 4}


def layout(table: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Cells by title and row, after a journey through CSV."""
    parts = plan.paper_layout(pd.read_csv(io.StringIO(table.to_csv(index=False))))
    return {part["title"]: {row["name"]: row["cells"] for row in part["rows"]} for part in parts}


def test_the_papers_tables(given: dict):
    exemplars = {case: {split: row[1] for split, row in splits.items()} for case, (_, splits) in PAPER.items()}
    table = plan.tabulate(given, exemplars)
    objects, styles, everything = layout(table).values()
    assert objects["models"] == ["4,744", "593", "593", "1,000", "6,930"]
    assert objects["llm samples"] == ["284,640", "14,232", "23,720", "40,000", "362,592"]
    assert objects["procedural samples"] == ["759,040", "14,232", "23,720", "40,000", "836,992"]
    assert styles["exemplar images"] == ["78,086", "1,837", "1,692", "3,081", "84,696"]
    assert styles["images per model"][:4] == ["7.36", "7.35", "6.77", "12.08"]
    assert styles["llm samples"][-1] == "1,723,320" and styles["procedural samples"][-1] == "1,299,040"
    assert styles["llm prompts"] == ["40", "6", "10", "10", "-"]
    assert everything["models"] == ["18,292", "2,098"] and everything["samples"] == ["4,221,944", "167,840"]
    headings = plan.paper_layout(table)[0]["headings"]
    assert headings == [
        "imagenet_seen, train",
        "imagenet_seen, val",
        "imagenet_seen, test",
        "imagenet_unseen, test",
        "all",
    ]


def test_unknown_exemplars_of_styles_are_missing_and_so_is_their_sum(given: dict):
    objects, styles, everything = layout(plan.tabulate(given, {"bamfg": {"train": 5, "val": 5, "test": 5}})).values()
    assert objects["exemplar images"][-1] == "6,930"
    assert styles["exemplar images"] == ["5", "5", "5", "-", "-"] and styles["images per model"][-2:] == ["-", "-"]
    assert everything["exemplar images"] == ["-", "-"]


def test_the_step_counts_what_files_hold(given: dict, tmp_path, monkeypatch):
    artifacts.write_table(tmp_path / "artchive.parquet", pd.DataFrame({"split": ["test"] * 3}), {})
    arguments = ["--exemplars", f"{tmp_path}/artchive.parquet", "--output", f"{tmp_path}/dataset.csv"]
    monkeypatch.setattr(sys, "argv", ["plan_table", *arguments, "--settings", json.dumps(given)])
    plan_table.main()
    rows = (tmp_path / "dataset.csv").read_text().splitlines()
    assert rows[0] == ("kind,case,split,models,exemplars,llm_prompts,procedural_prompts,llm_samples,procedural_samples")
    assert rows[5] == "style,bamfg,train,10607,,40,30,1697120,1272840"
    assert rows[-1] == "style,artchive,test,255,3,10,10,10200,10200"


@pytest.mark.parametrize("name", ["miniature", "smoke"])
def test_a_study_counts_itself(name: str):
    study = checks.load_study(read_yaml(ROOT / f"config/studies/{name}.yaml"), ROOT)
    table = plan.tabulate(settings.dataset_table(study), {})
    assert list(dict.fromkeys(table["case"])) == list(study.cases)
    models = [
        len(study.shard(case, shard)) for case in study.cases for split in SPLITS for shard in study.shards(case, split)
    ]
    assert table["models"].sum() == sum(models)
