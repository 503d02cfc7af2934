"""How good the miniature's base model is: its reconstruction, how recognisable its samples are, and prompt-following.

A linear probe on EfficientNet-Lite0 features learns on composed pictures of the drawings of pre-training. It then names
the concept, background, size or medium of samples from plain prompts. Its scores stand beside chance and beside those
on real held-out drawings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

import numpy as np
import pandas as pd

from workflow_scripts.miniature.corpus.compose import LARGE, SMALL, draw_background, place
from workflow_scripts.miniature.corpus.rendering import decode
from workflow_scripts.miniature.corpus.scenes import COLOURS, MEDIA, SCENES, plain
from workflow_scripts.seeds import derive_seed

Images = np.ndarray  # uint8 [n, h, w, 3]
BACKGROUNDS = {
    **{f"on a {colour} background": (lambda random, colour=colour: plain(colour, random)) for colour in COLOURS},
    **SCENES,
}
SIZES = {"a small ": SMALL, "a ": LARGE}

TEMPLATES = {
    "background": ("a picture of a {word} {name}", BACKGROUNDS),
    "size": ("a picture of {name}{word}", SIZES),
    "medium": ("{name} of a {word}", MEDIA),
}


def grid(rows: Iterable[Iterable[np.ndarray]]) -> np.ndarray:
    """Rows of images of one size, uint8 [h, w, 3], as one picture."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


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
    rows = [(row, view) for _, row in drawings.iterrows() for view in range(views)]
    pictures = [vary(row, Random(derive_seed(seed, row.id, view))) for row, view in rows]
    return np.stack([np.asarray(image) for image, _ in pictures]), [label for _, label in pictures]


def any_background(row: pd.Series, random: Random) -> tuple:
    """A drawing on any background; the label is its concept."""
    return place(decode(row.image), draw_background(random)[0], random.uniform(*LARGE), random), row.concept


def named_background(row: pd.Series, random: Random) -> tuple:
    name = random.choice(list(BACKGROUNDS))
    return place(decode(row.image), BACKGROUNDS[name](random), random.uniform(*LARGE), random), name


def named_size(row: pd.Series, random: Random) -> tuple:
    name = random.choice(list(SIZES))
    return place(decode(row.image), plain("white", random), random.uniform(*SIZES[name]), random), name


def named_medium(row: pd.Series, random: Random) -> tuple:
    name = random.choice(list(MEDIA))
    picture = place(decode(row.image), draw_background(random)[0], random.uniform(*LARGE), random)
    return MEDIA[name](picture), name


def prompts(words: Mapping[str, str], count: int, seed: int) -> dict[str, tuple[list[str], list[str]]]:
    """Prompts and their labels, per question. Concepts: each in the vocabulary; the others: `count` drawn at random."""
    random, vocabulary = Random(seed), list(words.values())
    questions = {"concept": ([f"a picture of a {word}" for word in vocabulary], list(words))}
    for question, (template, names) in TEMPLATES.items():
        labels = random.choices(list(names), k=count)
        texts = [template.format(word=random.choice(vocabulary), name=name) for name in labels]
        questions[question] = texts, labels
    return questions
