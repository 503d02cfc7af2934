"""Ranking a true exemplar among 10,000 to 1,000,000 distractors, beside a sort per query, faiss, and the bare product.

Ours finds rank, top 10 and score of each query's exemplar, streaming over features in a memory-mapped file. The peers:
scores and `np.argsort` of one query at a time, as the original protocol does; `faiss.IndexFlatIP`, exact too, which
finds the top 10 but no ranks; and `numpy @` alone, the least that exact scores can cost. All on every core.

Example:
    python -m benchmarks.rank
"""

import os
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from benchmarks import _compare, _tables
from workflow_scripts import artifacts, cli
from workflow_scripts.evaluation import ranking, retrieval

WIDTH = 768
TOP = 10
QUERIES = {10_000: 2_000, 100_000: 1_000, 1_000_000: 200}  # by number of distractors: each round takes seconds
SORTED = {10_000: 200, 100_000: 50, 1_000_000: 10}  # of which the slow peer sorts so many


def main() -> None:
    cli.StepParser(__doc__).parse_args()
    comparisons, seconds, peaks = [], [], []
    with tempfile.TemporaryDirectory(dir=_compare.FOLDER) as folder:
        for count in QUERIES:
            file = Path(folder, f"{count}.safetensors")
            write_features(file, count)
            lines, costs = compare_at(file, count)
            comparisons += lines
            seconds.append(_compare.Spread.of(_compare.values(costs, "ours", "seconds")).median)
            peaks.append(max(_compare.values(costs, "ours", "peak_mb")))
    exponent = np.polyfit(np.log(list(QUERIES)), np.log(seconds), 1)[0]
    growth = {"exponent": round(float(exponent), 3), "peak_mb": dict(zip(map(str, QUERIES), peaks, strict=True))}
    _tables.write("rank", comparisons, threads=os.cpu_count(), **growth)


def compare_at(file: Path, count: int) -> tuple[list[_compare.Comparison], _compare.Costs]:
    """The comparisons at one number of distractors."""
    import faiss

    faiss.omp_set_num_threads(os.cpu_count())
    distractors = artifacts.map_tensor(file, "features")
    queries, exemplars = (unit_rows(QUERIES[count], seed) for seed in (1, 2))
    truth = np.arange(len(queries))[:, None]
    index = faiss.IndexFlatIP(WIDTH)
    index.add(distractors)
    some = SORTED[count]
    contenders = {
        "ours": partial(ranking.rank, queries, distractors, exemplars, truth, TOP),
        "argsort": partial(sort_each, queries[:some], distractors, exemplars[:some]),
        "faiss.IndexFlatIP": partial(index.search, queries, TOP),
        "numpy @": partial(np.matmul, queries, distractors.T),
    }
    done = {name: QUERIES[count] if name != "argsort" else some for name in contenders}
    ours, sorted_ranks = contenders["ours"](), contenders["argsort"]()  # all warm, and the same answer
    assert np.array_equal(ours.ranks[:some, 0], sorted_ranks)
    assert np.array_equal(ours.top[:, 0], contenders["faiss.IndexFlatIP"]()[1][:, 0])
    costs = _compare.interleave({name: partial(cost, run, done[name]) for name, run in contenders.items()})
    work, unit = f"{count:,} distractors x {WIDTH}", "s per query"
    goals = {"argsort": 20.0, "faiss.IndexFlatIP": None, "numpy @": 1 / 1.3}
    return [_compare.compare(costs, "ours", peer, "seconds", work, unit, goal) for peer, goal in goals.items()], costs


def unit_rows(count: int, seed: int) -> np.ndarray:
    """Random features of length 1, float32 [count, WIDTH]."""
    rows = np.random.default_rng(seed).standard_normal((count, WIDTH), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def write_features(file: Path, count: int) -> None:
    artifacts.write_tensors(file, {"features": unit_rows(count, 0)}, {})


def sort_each(queries: np.ndarray, distractors: np.ndarray, exemplars: np.ndarray) -> np.ndarray:
    """Ranks [q] by scoring and sorting all candidates, one query after the other."""
    ranks = []
    for query, exemplar in zip(queries, exemplars, strict=True):
        own = exemplar @ query - retrieval.TIE  # a tie is the exemplar's loss, as in ours
        scores = np.append(distractors @ query, own)
        ranks.append(1 + np.flatnonzero(np.argsort(-scores, kind="stable") == len(distractors))[0])
    return np.array(ranks)


def cost(run: Callable[[], object], queries: int) -> dict[str, float]:
    """Seconds per query, and the most memory that the run held beyond files and what was there before."""
    with Peak() as peak:
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
    return {"seconds": seconds / queries, "peak_mb": peak.bytes / 2**20}


class Peak:
    """The most memory that the process holds within a block, beyond what it held at its start, without mapped files."""

    def __enter__(self) -> "Peak":
        self.bytes, self._ends, self._before = 0, threading.Event(), self._held()
        self._watch = threading.Thread(target=self._sample)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._watch.join()

    def _sample(self) -> None:
        while not self._ends.wait(0.02):
            self.bytes = max(self.bytes, self._held() - self._before)

    @staticmethod
    def _held() -> int:
        memory = psutil.Process().memory_info()
        return memory.rss - memory.shared


if __name__ == "__main__":
    cli.run(main)
