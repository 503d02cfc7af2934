"""Low-rank files: Custom Diffusion keeps, of each change of W_k and W_v, the leading singular values (section 3.3)."""

from collections.abc import Mapping

import numpy as np
import torch

DELTA = ".delta"
ROUNDING = 1e-6  # a sum of singular values in fp32 may be this much smaller than its share


def compress(
    weights: Mapping[str, np.ndarray], ratio: float, device: str = "cpu"
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Keeps the leading singular values of each `{path}.delta` [out, in]: as many as sum to the share `ratio` of all.

    Returns:
        The tensors with the factors `{path}.delta.u` [out, rank] and `{path}.delta.v` [rank, in] in place of each
        delta; and what was lost: `rank_mean`, over the matrices, and `relative_error`, the Frobenius norm of what was
        left out divided by that of the deltas (empty at a ratio of 1).
    """
    if ratio == 1:
        return dict(weights), {}
    tensors, ranks, lost, total = {}, [], 0.0, 0.0
    for name, array in weights.items():
        if not name.endswith(DELTA):
            tensors[name] = array
            continue
        u, s, v = (part.cpu().numpy() for part in torch.linalg.svd(torch.from_numpy(array).to(device), False))
        rank = rank_of(s, ratio)
        tensors |= {f"{name}.u": u[:, :rank] * s[:rank], f"{name}.v": v[:rank]}
        squares = np.square(s, dtype=np.float64)
        ranks.append(rank)
        lost += squares[rank:].sum()
        total += squares.sum()
    error = float(np.sqrt(lost / total)) if total else 0.0
    return tensors, {"rank_mean": float(np.mean(ranks)), "relative_error": error}


def rank_of(singular_values: np.ndarray, ratio: float) -> int:
    """How many of the singular values [r], largest first, sum to the share `ratio` of all; at least one."""
    sums = np.cumsum(singular_values, dtype=np.float64)
    return 1 + int(np.argmax(sums >= (ratio - ROUNDING) * sums[-1]))
