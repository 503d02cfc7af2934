"""Near-duplicates that a perceptual hash does not find: drawings that an embedding takes for the same picture.

Artists copy each other, and vendors redraw their own sets. A twin of an exemplar is neither a distractor nor a rival of
the exemplar.
"""

import numpy as np
import pandas as pd
from tqdm import tqdm

from workflow_scripts import artifacts
from workflow_scripts.encoders import efficientnet_lite0, encode_images
from workflow_scripts.miniature.corpus.exemplars import exemplar_of

BATCH = 256
ENCODER = efficientnet_lite0.Settings(size=112, precision="fp32")


def embed(drawings: pd.DataFrame) -> np.ndarray:
    """Features of length 1 of all drawings on white, float32 [n, d]."""
    encoder = efficientnet_lite0.load(ENCODER)
    parts = []
    for start in tqdm(range(0, len(drawings), BATCH), desc="embed", unit="batch", disable=None):
        rows = drawings.iloc[start : start + BATCH]
        images = [artifacts.decode_image(exemplar_of(row, 0)["image"], row.id) for _, row in rows.iterrows()]
        parts.append(encode_images(encoder, np.stack(images)))
    features = np.concatenate(parts)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def find_pairs(names: np.ndarray, features: np.ndarray, cosine: float) -> pd.DataFrame:
    """The pairs of drawings at least as alike as `cosine`, each once: columns a, b, cosine.

    `names` are ids [n], `features` of length 1 [n, d].
    """
    parts = []
    for start in range(0, len(names), BATCH):
        scores = features[start : start + BATCH] @ features.T  # [b, n]
        row, other = np.nonzero(scores >= cosine)
        later = other > start + row
        row, other = row[later], other[later]
        parts.append(pd.DataFrame({"a": names[start + row], "b": names[other], "cosine": scores[row, other]}))
    return pd.concat(parts, ignore_index=True)
