"""How good the miniature's base model is: what it reconstructs, what one recognises, and whether it does as prompted.

Recognisability: a linear probe on EfficientNet-Lite0 features, trained on composed pictures of the drawings of
pre-training, names the concept of pictures that the base model samples from plain prompts. Prompt-following: likewise
for backgrounds, sizes and media. Each beside chance and beside the probe's score on real held-out drawings.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

import numpy as np
import pandas as pd

from workflow_scripts.miniature.corpus.compose import draw_background, place
from workflow_scripts.miniature.corpus.rendering import decode
from workflow_scripts.miniature.corpus.scenes import COLOURS, MEDIA, SCENES, plain
from workflow_scripts.seeds import derive_seed

Images = np.ndarray  # uint8 [n, h, w, 3]
BACKGROUNDS = {
    **{f"on a {colour} background": (lambda random, colour=colour: plain(colour, random)) for colour in COLOURS},
    **SCENES,
}
SIZES = {"a small ": (0.52, 0.64), "a ": (0.78, 0.95)}


def probe(train: np.ndarray, labels: Sequence[str], tests: Mapping[str, tuple[np.ndarray, Sequence[str]]]) -> dict:
    """Fits a linear probe on features [n, d] and scores it on each test.

    Returns:
        `chance` (1 / classes) and, per test, `top1`, `top5` and `n`; a test may hold fewer classes than training.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200)).fit(train, labels)
    scores = {"chance": 1 / len(model.classes_)}
    for name, (features, truth) in tests.items():
        ranked = model.classes_[np.argsort(-model.predict_proba(features), axis=1)]  # [n, classes]
        hits = ranked == np.asarray(truth)[:, None]
        top = {f"top{k}": float(hits[:, :k].any(1).mean()) for k in (1, 5)}
        scores[name] = {**top, "n": len(truth)}
    return scores


def composed(
    drawings: pd.DataFrame, views: int, seed: int, vary: Callable[[np.ndarray, Random], tuple[np.ndarray, str]]
) -> tuple[Images, list[str]]:
    """Pictures of real drawings, `views` of each; `vary` composes one and gives its label."""
    images, labels = [], []
    for _, row in drawings.iterrows():
        for view in range(views):
            image, label = vary(row, Random(derive_seed(seed, row.id, view)))
            images.append(np.asarray(image))
            labels.append(label)
    return np.stack(images), labels


def any_background(row: pd.Series, random: Random) -> tuple:
    """A drawing on any background; the label is its concept."""
    return place(decode(row.image), draw_background(random)[0], random.uniform(*SIZES["a "]), random), row.concept


def named_background(row: pd.Series, random: Random) -> tuple:
    name = random.choice(list(BACKGROUNDS))
    return place(decode(row.image), BACKGROUNDS[name](random), random.uniform(*SIZES["a "]), random), name


def named_size(row: pd.Series, random: Random) -> tuple:
    name = random.choice(list(SIZES))
    return place(decode(row.image), plain("white", random), random.uniform(*SIZES[name]), random), name


def named_medium(row: pd.Series, random: Random) -> tuple:
    name = random.choice(list(MEDIA))
    picture = place(decode(row.image), draw_background(random)[0], random.uniform(*SIZES["a "]), random)
    return MEDIA[name](picture), name


def prompts(words: Mapping[str, str], count: int, seed: int) -> dict[str, tuple[list[str], list[str]]]:
    """Prompts and their labels, per question. Concepts: each in the vocabulary; the others: `count` drawn at random."""
    random = Random(seed)
    vocabulary = list(words.values())
    draw = [(random.choice(vocabulary), name) for name in random.choices(list(BACKGROUNDS), k=count)]
    sizes = [(random.choice(vocabulary), name) for name in random.choices(list(SIZES), k=count)]
    media = [(random.choice(vocabulary), name) for name in random.choices(list(MEDIA), k=count)]
    return {
        "concept": ([f"a picture of a {word}" for word in vocabulary], list(words)),
        "background": ([f"a picture of a {word} {name}" for word, name in draw], [name for _, name in draw]),
        "size": ([f"a picture of {name}{word}" for word, name in sizes], [name for _, name in sizes]),
        "medium": ([f"{name} of a {word}" for word, name in media], [name for _, name in media]),
    }
