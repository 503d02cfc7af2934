"""Attribution methods: who influenced this sample?

A new method is one file with a function `load`, and one entry under `methods:` in the study. A method works in two
phases: `prepare` sees the candidates once (and may cache what it likes), `rank` answers for any number of queries.

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
    """Who may have influenced a sample.

    Attributes:
        distractors: raw encoder features, float32 [n, d]; may be a memory map.
        exemplars: raw encoder features, float32 [e, d].
    """

    distractors: np.ndarray
    exemplars: np.ndarray


@dataclass(frozen=True)
class Queries:
    """Samples to attribute.

    Attributes:
        samples: raw encoder features, float32 [q, d].
        truth: int64 [q, m], rows of the exemplars of each query's own model, padded with -1. A query's candidates are
            all distractors and these exemplars (paper section 5).
    """

    samples: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Attribution:
    """The answer for q queries. Candidate 0 ... n-1 is a distractor, n + i is exemplar i.

    Attributes:
        ranks: int64 [q, m], distinct 1-based ranks of the true exemplars, ties in their disfavour; 0 where padded.
        top: int64 [q, k], the best candidates, best first; -1 where there are fewer than k.
        top_scores: float32 [q, k].
        top_influence: float64 [q, k], calibrated influence in percent of all candidates' influence.
        true_influence: float64 [q], influence of the true exemplars together, in percent.
        candidates: int64 [q], number of candidates.
    """

    ranks: np.ndarray
    top: np.ndarray
    top_scores: np.ndarray
    top_influence: np.ndarray
    true_influence: np.ndarray
    candidates: np.ndarray


class Method(Protocol):
    """An attribution method."""

    def prepare(self, candidates: Candidates) -> None:
        """Takes the candidates of all queries to come."""

    def rank(self, queries: Queries) -> Attribution:
        """Ranks each query's candidates and says how much each of the best influenced it."""

    def score(self, samples: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """The scores that `rank` ranks by, of some candidates only.

        Args:
            samples: raw encoder features, float32 [q, d].
            candidates: int64 [c], numbered as in `Attribution`.

        Returns:
            float32 [q, c].
        """


class MethodModule(Protocol):
    """What a module of this folder offers, beside `Settings` (see `plugins`)."""

    def load(self, settings: Any, head: "Head", calibration: "Calibration", memory_mb: float) -> Method:
        """Makes the method.

        Args:
            settings: the module's `Settings`, made of the study's section `methods.<name>`.
            head: maps features of both sides; the identity head gives the untuned features.
            calibration: turns gaps between scores into influence.
            memory_mb: megabytes that a block of distractors' features and of their scores may take.
        """
