"""How well exemplars are found again from plain samples."""

from pathlib import Path

import numpy as np
import pandas as pd

from workflow_scripts import artifacts
from workflow_scripts.ground_truth.samples import Sample
from workflow_scripts.miniature import customizability


def test_recall_counts_the_other_exemplars_as_candidates():
    exemplars = np.eye(3, dtype=np.float32)
    distractors = np.float32([[0.6, 0.8, 0.0]])
    queries = np.float32(
        [
            [1, 0, 0],  # of exemplar 0, which it equals: rank 1
            [0, 1, 0],  # of exemplar 0; exemplars 1 and 2 and the distractor score at least as high: rank 4
            [0.6, 0.8, 0],  # of exemplar 1; the distractor is nearer: rank 2
            [0, 1, 0],  # of exemplar 1: rank 1
            [0, 0, 1],  # of exemplar 2: rank 1
            [0, 0, 1],
        ]
    )
    samples = [Sample(model, "plain", "", i, 0, 0) for model in "abc" for i in range(2)]
    scores = customizability.recall_of(queries, exemplars, distractors, samples, 0)
    assert (scores["models"], scores["queries"], scores["candidates"]) == (3, 6, 4)
    assert scores["recall@1"]["value"] == 4 / 6
    assert scores["recall@10"]["value"] == 1


def test_the_exemplars_are_those_of_val(tmp_path: Path):
    table = pd.DataFrame({"model": list("abc"), "split": ["train", "val", "test"], "class_word": "cat"})
    artifacts.write_table(tmp_path / "case.parquet", table.assign(image=[b"1", b"2", b"3"]), {})
    found = customizability.read_exemplars(tmp_path / "case.parquet")
    assert found[["model", "class_word", "image"]].to_numpy().tolist() == [["b", "cat", b"2"]]
