"""Fits the temperature and the threshold that turn a head's scores into influence (paper section 4.3).

The queries are the validation samples of the training set's cases, all prompt sets; the candidates of each are all
distractors and its own model's exemplars, as in the evaluation.
"""

from functools import partial
from pathlib import Path

import numpy as np

from workflow_scripts import artifacts, cli, heads
from workflow_scripts.evaluation import calibration, features, ranking


def measure_gaps(
    head: heads.Head,
    exemplars: np.ndarray,
    distractors: np.ndarray,
    samples: np.ndarray,
    truth: np.ndarray,
    memory_mb: float,
) -> calibration.GapCounts:
    """How far candidates score below their query's best.

    Args:
        exemplars: raw features [e, d].
        distractors: raw features [n, d]; may be a memory map.
        samples: raw features [q, d].
        truth: int64 [q, m], rows of `exemplars`, padded with -1.
        memory_mb: as in `ranking.rank`.
    """
    project = partial(heads.project, head, "exemplar")
    queries = heads.project(head, "sample", samples)  # [q, d]
    found = ranking.rank(queries, distractors, project(exemplars), truth, 1, project, memory_mb)
    peak = found.peak[:, None]  # [q, 1]
    counts = ranking.sum_over_distractors(
        queries, distractors, lambda scores, rows: calibration.gap_histogram(peak[rows] - scores), project, memory_mb
    )
    return calibration.GapCounts(counts, peak - found.true_scores)


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--exemplars", type=Path, nargs="+", required=True, help="parquet files of the cases")
    parser.add_argument("--exemplar-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--distractor-features", type=Path, required=True, help="features of all distractors")
    parser.add_argument("--sample-manifests", type=Path, nargs="+", required=True, help="validation shards")
    parser.add_argument("--sample-features", type=Path, nargs="+", required=True, help="their features, in order")
    parser.add_argument("--head", type=Path, required=True, help="safetensors file of the head")
    parser.add_argument("--output", type=Path, required=True, help="JSON file to write")
    parser.add_settings()
    args = parser.parse_args()

    encoder = args.settings["encoder"]
    exemplars = features.read_exemplars(args.exemplars, args.exemplar_features, encoder)
    queries, samples = features.read_samples(args.sample_manifests, args.sample_features, encoder)
    distractors = features.map_distractors(args.distractor_features, encoder)
    read = {args.exemplar_features[0]: exemplars.features, args.sample_features[0]: samples}
    features.check_widths({**read, args.distractor_features: distractors})
    head = heads.read_head(args.head, encoder)
    truth, memory_mb = exemplars.truth(queries), args.settings["memory_mb"]
    gaps = measure_gaps(head, exemplars.features, distractors, samples, truth, memory_mb)
    fitted = calibration.fit(gaps)
    artifacts.write_json(
        args.output,
        {
            "tau": fitted.tau,
            "lambda": fitted.lam,
            "kl_before": calibration.divergence(calibration.UNFITTED, gaps),
            "kl_after": calibration.divergence(fitted, gaps),
            "n": len(queries),
            "provenance": artifacts.make_provenance(
                args.settings, {"head": args.head, "distractor_features": args.distractor_features}
            ),
        },
    )


if __name__ == "__main__":
    cli.run(main)
