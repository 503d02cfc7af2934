"""Attribution methods: which images influenced this sample?

A new method is one file with a function `load`, and one entry under `methods:` in the study. A method works in two
phases: `prepare` gets the candidates once (and may cache what it needs), `rank` answers for any number of queries.

Shapes: q queries, n distractors, e exemplars, m the largest number of true exemplars of a query, d features.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from workflow_scripts.evaluation.calibration import Calibration
    from workflow_scripts.heads import Head


@dataclass(frozen=True)
class Candidates:
    """The images that may have influenced a sample, as raw encoder features."""

    distractors: np.ndarray  # float32 [n, d], may be a memory map
    exemplars: np.ndarray  # float32 [e, d]


@dataclass(frozen=True)
class Queries:
    """Samples to attribute. A query's candidates are all distractors and its true exemplars (paper section 5)."""

    samples: np.ndarray  # raw encoder features, float32 [q, d]
    truth: np.ndarray  # int64 [q, m], rows of the exemplars of each query's own model, padded with -1


@dataclass(frozen=True)
class Attribution:
    """The answer for q queries. Candidates 0 ... n-1 are the distractors, n + i is exemplar i."""

    ranks: np.ndarray  # int64 [q, m], distinct ranks of the true exemplars from 1 on, last of a tie; 0 where padded
    top: np.ndarray  # int64 [q, k], the best candidates, best first; -1 where there are fewer than k
    top_scores: np.ndarray  # float32 [q, k]
    top_influence: np.ndarray  # float64 [q, k], calibrated influence in percent of that of all candidates
    true_influence: np.ndarray  # float64 [q], influence of the true exemplars together, in percent
    divergence: np.ndarray  # float64 [q], KL(S || P) in nats, see `evaluation.calibration`
    unfitted_divergence: np.ndarray  # float64 [q], the same where tau and lambda are not fitted
    candidates: np.ndarray  # int64 [q], number of candidates


class Method(Protocol):
    """An attribution method."""

    def prepare(self, candidates: Candidates) -> None:
        """Takes the candidates of all later queries."""

    def rank(self, queries: Queries) -> Attribution:
        """Ranks each query's candidates and says how much the best of them influenced it."""

    def score(self, samples: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """The scores that `rank` ranks by, float32 [q, c], for some candidates only.

        Args:
            samples: raw encoder features, float32 [q, d].
            candidates: int64 [c], numbered as in `Attribution`.
        """


class MethodModule(Protocol):
    """What a module of this folder offers, beside `Settings` (see `plugins`)."""

    def load(self, settings: Any, head: "Head", calibration: "Calibration", memory_mb: float) -> Method:
        """Makes the method.

        Args:
            head: maps features of both sides; the identity head gives the untuned features.
            calibration: turns gaps between scores into influence.
            memory_mb: megabytes that a block of distractors, their features and scores, may take.
        """
