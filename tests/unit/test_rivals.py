"""Where an exemplar would stand among other candidates, by hand."""

import numpy as np
import pandas as pd
import pytest

from workflow_scripts.evaluation import rivals
from workflow_scripts.evaluation.calibration import UNFITTED
from workflow_scripts.heads import Head
from workflow_scripts.methods import Candidates, Queries, feature_similarity


def test_neither_the_same_image_nor_a_twin_is_a_rival():
    exemplars = pd.DataFrame(
        {
            "source": ["own", "own", "twin", "other", "other", "third", "own"],
            "sha256": ["1", "1", "2", "3", "3", "4", "5"],  # the last is of another folder of the same name
            "twins": [["twin"], ["twin"], ["own"], [], [], [], []],
        }
    )
    assert rivals.other_exemplars(exemplars, np.array([0])).tolist() == [3, 5, 6]


@pytest.fixture
def method():
    """Two distractors and three exemplars in the plane, by their angle; scores are cosines."""
    angles = np.radians([0, 30, 60, 90, 10])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    made = feature_similarity.load(feature_similarity.Settings(top_k=2), Head("identity", {}), UNFITTED, 1)
    made.prepare(Candidates(points[:2], points[2:]))
    return made


def test_scores_are_those_of_the_ranking(method):
    sample = np.array([[1, 0]], np.float32)
    scores = method.score(sample, np.array([4, 0, 3]))
    assert scores[0] == pytest.approx(np.cos(np.radians([10, 0, 90])), abs=1e-6)
    ranked = method.rank(Queries(sample, np.array([[0]])))
    assert ranked.top_scores[0] == pytest.approx(method.score(sample, ranked.top[0])[0], abs=1e-6)


def test_each_model_has_rivals_of_its_own(method):
    """Model a has an exemplar at 60 degrees, model b has two, at 90 and 10; distractors are at 0 (a cat) and 30."""
    samples = np.array([[0, 1], [1, 0], [0, 1]], np.float32)  # at 90, 0 and 90 degrees
    queries = Queries(samples, np.array([[0, -1], [0, -1], [1, 2]]))
    table = pd.DataFrame({"model": ["a", "a", "b"], "class": ["cat", "cat", "dog"]})
    exemplars = pd.DataFrame({"source": ["60", "90", "10"], "sha256": ["a", "b", "c"], "twins": [[], [], []]})
    counts = rivals.count_rivals(method, queries, table, exemplars, pd.Series(["cat", None]))
    assert {name: rows.tolist() for name, rows in counts.items()} == {
        "hard": [1, 1, 0],
        "hard_ahead": [[0, 0], [1, 0], [0, 0]],
        "others": [2, 2, 1],
        "others_ahead": [[1, 0], [1, 0], [0, 1]],
    }
