"""How well exemplars are found again from plain samples."""

import numpy as np

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
