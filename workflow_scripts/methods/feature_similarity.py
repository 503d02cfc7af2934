"""Attribution by similarity of features (paper section 4): encoder, head, cosine, calibrated influence."""

from functools import partial

import numpy as np

from workflow_scripts import heads
from workflow_scripts.evaluation import ranking
from workflow_scripts.evaluation.calibration import UNFITTED, Calibration, divergences
from workflow_scripts.methods import Attribution, Candidates, Method, Queries
from workflow_scripts.study.options import TopK as Settings


def load(settings: Settings, head: heads.Head, calibration: Calibration, memory_mb: float) -> Method:
    """See `MethodModule.load`."""
    return FeatureSimilarity(head, calibration, settings.top_k, memory_mb)


class FeatureSimilarity:
    """Ranks candidates x of a sample x~ by the cosine of h(F(x)) and h~(F(x~))."""

    def __init__(self, head: heads.Head, calibration: Calibration, top_k: int, memory_mb: float) -> None:
        self.head, self.calibration, self.top_k, self.memory_mb = head, calibration, top_k, memory_mb

    def prepare(self, candidates: Candidates) -> None:
        """Projects the exemplars now, and the distractors later, block by block."""
        self.distractors = candidates.distractors
        self.exemplars = heads.project(self.head, "exemplar", candidates.exemplars)  # [e, d]

    def rank(self, queries: Queries) -> Attribution:
        """See `Method.rank`. Passes over the distractors twice: for the ranks, and for the sums of their influence."""
        samples = heads.project(self.head, "sample", queries.samples)  # [q, d]
        project = partial(heads.project, self.head, "exemplar")
        ranked = ranking.rank(
            samples, self.distractors, self.exemplars, queries.truth, self.top_k, project, self.memory_mb
        )

        def sums(scores: np.ndarray, rows: slice) -> np.ndarray:
            gaps = ranked.peak[rows, None] - scores
            start = UNFITTED.weight(gaps).sum(axis=1, dtype=np.float64)  # far above zero, it is the soft one, too
            return np.stack([*self.calibration.sums(gaps), start], axis=1)

        rest = ranking.sum_over_distractors(samples, self.distractors, sums, project, self.memory_mb)  # [q, 3]
        true = self._weights(ranked.true_scores, ranked.peak).sum(axis=1, dtype=np.float64)  # [q]
        total = true + rest[:, 0]
        true_gaps = (ranked.peak[:, None] - ranked.true_scores).astype(np.float64)  # so that no influence becomes 0
        return Attribution(
            ranks=ranked.ranks,
            top=ranked.top,
            top_scores=ranked.top_scores,
            top_influence=100 * self._weights(ranked.top_scores, ranked.peak) / total[:, None],
            true_influence=100 * true / total,
            divergence=divergences(self.calibration, true_gaps, rest[:, 1]),
            unfitted_divergence=divergences(UNFITTED, true_gaps, rest[:, 2]),
            candidates=ranked.candidates,
        )

    def score(self, samples: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """See `Method.score`."""
        number = len(self.distractors)
        own = candidates >= number  # the exemplars
        projected = np.empty((len(candidates), self.exemplars.shape[1]), np.float32)
        projected[own] = self.exemplars[candidates[own] - number]
        projected[~own] = heads.project(self.head, "exemplar", np.asarray(self.distractors[candidates[~own]]))
        return heads.project(self.head, "sample", samples) @ projected.T

    def _weights(self, scores: np.ndarray, peak: np.ndarray) -> np.ndarray:
        # A padded score is -inf: its gap is infinite and its weight zero.
        return self.calibration.weight(peak[:, None] - scores)
