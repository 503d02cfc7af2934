"""The study's plan in the layout of the paper's dataset tables, checked against the paper's own numbers."""

import io
import json
import sys
from dataclasses import replace

import pandas as pd
import pytest

from tests.projects import ROOT
from workflow_scripts import artifacts
from workflow_scripts.reporting import plan
from workflow_scripts.steps import dataset_table
from workflow_scripts.study import checks
from workflow_scripts.study.schema import read_yaml
from workflow_scripts.study.settings.report import DatasetTableSettings
from workflow_scripts.study.study import SPLITS

CELLS = {  # by table and row: the paper's cells, then the sum
    "Objects": {
        "object classes": ["593", "593", "593", "100", "693"],
        "models": ["4,744", "593", "593", "1,000", "6,930"],
        "exemplar images": ["4,744", "593", "593", "1,000", "6,930"],
        "images per model": ["1", "1", "1", "1", "1"],
        "llm prompts": ["15", "6", "10", "10", "-"],
        "procedural prompts": ["40", "6", "10", "10", "-"],
        "llm samples": ["284,640", "14,232", "23,720", "40,000", "362,592"],
        "procedural samples": ["759,040", "14,232", "23,720", "40,000", "836,992"],
        "total samples": ["1,043,680", "28,464", "47,440", "80,000", "1,199,584"],
    },
    "Styles": {
        "models": ["10,607", "250", "250", "255", "11,362"],
        "exemplar images": ["78,086", "1,837", "1,692", "3,081", "84,696"],
        "images per model": ["7.36", "7.35", "6.77", "12.08", "7.45"],
        "llm prompts": ["40", "6", "10", "10", "-"],
        "procedural prompts": ["30", "6", "10", "10", "-"],
        "llm samples": ["1,697,120", "6,000", "10,000", "10,200", "1,723,320"],
        "procedural samples": ["1,272,840", "6,000", "10,000", "10,200", "1,299,040"],
        "total samples": ["2,969,960", "12,000", "20,000", "20,400", "3,022,360"],
    },
    "In all": {
        "models": ["18,292", "2,098"],
        "exemplar images": ["91,626", "6,366"],
        "llm samples": ["2,085,912", "83,920"],
        "procedural samples": ["2,136,032", "83,920"],
        "total samples": ["4,221,944", "167,840"],
    },
}


@pytest.fixture
def given() -> DatasetTableSettings:
    """The settings of the rule, of the paper's study, from the study's file."""
    study = checks.load_study(read_yaml(ROOT / "config/studies/abc.yaml"), ROOT)
    return DatasetTableSettings.of(study)


def layout(table: pd.DataFrame) -> dict[str, dict[str, list[str]]]:
    """Cells by title and row, after a journey through CSV."""
    parts = plan.paper_layout(pd.read_csv(io.StringIO(table.to_csv(index=False))))
    return {part["title"]: {row["name"]: row["cells"] for row in part["rows"]} for part in parts}


def test_the_papers_tables(given: DatasetTableSettings):
    table = plan.tabulate(given, {})
    assert layout(table) == CELLS
    assert [list(rows) for rows in layout(table).values()] == [list(rows) for rows in CELLS.values()]
    assert [part["headings"] for part in plan.paper_layout(table)] == [
        ["imagenet_seen, train", "imagenet_seen, val", "imagenet_seen, test", "imagenet_unseen, test", "all"],
        ["bamfg, train", "bamfg, val", "bamfg, test", "artchive, test", "all"],
        ["all", "test alone"],
    ]


def test_unknown_exemplars_of_styles_are_missing_and_so_is_their_sum(given: DatasetTableSettings):
    given = replace(given, rows=(*given.rows[:-1], replace(given.rows[-1], exemplars=None)))
    objects, styles, everything = layout(plan.tabulate(given, {"bamfg": {"train": 5, "val": 5, "test": 5}})).values()
    assert objects["exemplar images"][-1] == "6,930"
    assert styles["exemplar images"] == ["5", "5", "5", "-", "-"] and styles["images per model"][-2:] == ["-", "-"]
    assert everything["exemplar images"] == ["-", "-"]


def test_the_step_counts_what_files_hold(given: DatasetTableSettings, tmp_path, monkeypatch):
    artifacts.write_table(tmp_path / "artchive.parquet", pd.DataFrame({"split": ["test"] * 3}), {})
    exemplars, record = tmp_path / "artchive.parquet", tmp_path / "dataset_table.json"
    arguments = ["--exemplars", f"{exemplars}", "--output", f"{tmp_path}/dataset.csv", "--provenance", f"{record}"]
    monkeypatch.setattr(sys, "argv", ["dataset_table", *arguments, "--settings", json.dumps(given.to_json())])
    dataset_table.main()
    rows = (tmp_path / "dataset.csv").read_text().splitlines()
    assert rows[0] == (
        "kind,case,split,classes,models,exemplars,llm_prompts,procedural_prompts,llm_samples,procedural_samples"
    )
    assert rows[5] == "style,bamfg,train,,10607,78086,40,30,1697120,1272840"
    assert rows[-1] == "style,artchive,test,,255,3,10,10,10200,10200"
    made = artifacts.read_json(record)["provenance"]
    assert made["settings"] == given.to_json() and made["inputs"] == {f"{exemplars}": artifacts.file_hash(exemplars)}


@pytest.mark.parametrize("name", ["miniature", "smoke", "abc"])
def test_a_study_counts_itself(name: str):
    study = checks.load_study(read_yaml(ROOT / f"config/studies/{name}.yaml"), ROOT)
    table = plan.tabulate(DatasetTableSettings.of(study), {})
    assert list(dict.fromkeys(table["case"])) == list(study.cases)
    models = [
        len(study.shard(case, shard)) for case in study.cases for split in SPLITS for shard in study.shards(case, split)
    ]
    assert table["models"].sum() == sum(models)
