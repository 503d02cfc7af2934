"""Gates: what must hold before a dearer step of the miniature is worth running.

They need no base model. A perfect generator stands for it: it draws the drawing of a val exemplar in the scene and the
medium of each prompt. Where encoders do not find the exemplar again from such a picture, no samples and no head can
help. And if exemplars look otherwise than distractors, for one is on white and the other is not, then a score tells
this and not who influenced what.

Shapes: e exemplars, n distractors, p prompts, d features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workflow_scripts.evaluation.intervals import mean_intervals
from workflow_scripts.evaluation.ranking import rank
from workflow_scripts.heads import normalize
from workflow_scripts.miniature.corpus.compose import draw_prompt
from workflow_scripts.miniature.corpus.rendering import decode
from workflow_scripts.seeds import derive_seed

FOLDS = 5
RESAMPLES = 200  # of the AUC, which is slow to compute
RECALL_AT = 10
PERFECT = "perfect"  # names the random numbers of the perfect generator


def perfect_samples(drawings: pd.Series, templates: Sequence[str], seed: int) -> np.ndarray:
    """What a perfect generator draws, uint8 [p, e, h, w, 3].

    Args:
        drawings: encoded RGBA drawings of the exemplars, by their ids.
        templates: prompts with `{subject}`.

    Raises:
        ValueError: a template is not in the grammar of the base model's captions.
    """
    decoded = [(name, decode(data)) for name, data in drawings.items()]
    return np.array([
        [draw_prompt(text, drawing, Random(derive_seed(seed, PERFECT, text, name))) for name, drawing in decoded]
        for text in templates
    ])  # fmt: skip


def tell_apart(exemplars: np.ndarray, distractors: np.ndarray, classes: Sequence[str], seed: int) -> dict[str, float]:
    """How well a linear probe tells exemplars from distractors of the same classes: AUC and its 95 % interval.

    A class is in one fold only, so that the probe can learn what all exemplars share, but no class by heart.

    Args:
        exemplars: features [e, d].
        distractors: features [n, d].
        classes: of the exemplars, then of the distractors.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.concatenate([exemplars, distractors])
    truth = np.arange(len(features)) < len(exemplars)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200, class_weight="balanced"))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=derive_seed(seed, "folds") % 2**32)
    scores = cross_val_predict(probe, features, truth, groups=classes, cv=folds, method="decision_function")
    ends = stats.bootstrap(
        (truth, scores),
        roc_auc_score,
        n_resamples=RESAMPLES,
        paired=True,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(derive_seed(seed, "probe")),
    ).confidence_interval
    return {"value": float(roc_auc_score(truth, scores)), "low": float(ends.low), "high": float(ends.high)}


def find_again(samples: np.ndarray, exemplars: np.ndarray, distractors: np.ndarray, seed: int) -> list[dict[str, Any]]:
    """Recall@10 of the exemplars from perfect samples, by prompt: of features as they are (`raw`), and `centred`.

    Centred features lack the mean sample of their prompt, or the mean distractor: the strongest cheap baseline.

    Args:
        samples: features [p, e, d].
        exemplars: features [e, d].
        distractors: features [n, d].
    """
    exemplars, distractors = normalize(exemplars), normalize(distractors)
    mean = distractors.mean(axis=0)
    centred = normalize(exemplars - mean), normalize(distractors - mean)
    rows = []
    for of_prompt in map(normalize, samples):
        hits = {
            "raw": _hits(of_prompt, exemplars, distractors),
            "centred": _hits(normalize(of_prompt - of_prompt.mean(axis=0)), *centred),
        }
        rows.append(mean_intervals(hits, [str(i) for i in range(len(exemplars))], 10 * RESAMPLES, seed, PERFECT))
    return rows


def _hits(queries: np.ndarray, exemplars: np.ndarray, distractors: np.ndarray) -> np.ndarray:
    own = np.arange(len(exemplars))[:, None]
    return (rank(queries, distractors, exemplars, own, top_k=1).ranks[:, 0] <= RECALL_AT).astype(float)


@dataclass(frozen=True)
class Gate:
    """A gate, and how it came out."""

    name: str
    needs: str
    found: str
    holds: bool


APART, PROMPT, PROMPT_ENCODERS, SMALL_ENCODER = 0.6, 0.3, 2, 0.5
OBEYS, TOP1, TOP5, CUSTOMIZED = 0.85, 0.6, 0.85, 0.4
SMALL_ENCODERS = ("clip_mini", "dino_mini")


def gates(measured: Mapping[str, Any], quality: Mapping[str, Any], customizability: Mapping[str, Any]) -> list[Gate]:
    """The gates, from what the rules `measure_gates`, `measure_base_model` and `measure_customizability` wrote."""
    return [
        _exemplars_look_like_distractors(measured["probe"]),
        _prompts_can_be_used(measured["prompts"]),
        *(_small_encoder(name, measured["prompts"]) for name in SMALL_ENCODERS),
        *(_obeys(name, quality[name]["samples"]) for name in ("background", "size", "medium")),
        _draws_concepts(quality["concept"]["samples"]),
        *(_learns_exemplars(case, scores) for case, scores in customizability["cases"].items()),
    ]


def _exemplars_look_like_distractors(probe: Mapping[str, Mapping[str, float]]) -> Gate:
    worst = max(probe, key=lambda encoder: probe[encoder]["value"])
    found = f"{probe[worst]['value']:.2f} ({probe[worst]['low']:.2f}–{probe[worst]['high']:.2f}), {worst}"
    name = "a linear probe does not tell exemplars from distractors of the same class"
    return Gate(name, f"AUC at most {APART}, any encoder", found, probe[worst]["value"] <= APART)


def usable(prompt: Mapping[str, Any]) -> bool:
    """Whether enough encoders find exemplars again from perfect samples of a prompt."""
    best = [max(scores["raw"]["value"], scores["centred"]["value"]) for scores in prompt["encoders"].values()]
    return sum(value >= PROMPT for value in best) >= PROMPT_ENCODERS


def _prompts_can_be_used(prompts: Sequence[Mapping[str, Any]]) -> Gate:
    good = sum(map(usable, prompts))
    name = "a perfect generator's samples lead to the exemplar"
    needs = f"each prompt: Recall@10 at least {PROMPT:.0%} for {PROMPT_ENCODERS} encoders, untuned or centred"
    return Gate(name, needs, f"{good} of {len(prompts)} prompts", good == len(prompts))


def _small_encoder(encoder: str, prompts: Sequence[Mapping[str, Any]]) -> Gate:
    sentences = [prompt["encoders"][encoder]["raw"]["value"] for prompt in prompts if prompt["prompt_set"] == "llm"]
    found = float(np.mean(sentences))
    name = f"likewise, {encoder} on llm prompts"
    return Gate(name, f"Recall@10 at least {SMALL_ENCODER:.0%}, untuned", f"{found:.0%}", found >= SMALL_ENCODER)


def _obeys(question: str, samples: Mapping[str, float]) -> Gate:
    name = f"the base model obeys the words of a {question}"
    return Gate(name, f"probe top-1 at least {OBEYS:.0%}", f"{samples['top1']:.0%}", samples["top1"] >= OBEYS)


def _draws_concepts(samples: Mapping[str, float]) -> Gate:
    needs = f"probe top-1 / top-5 at least {TOP1:.0%} / {TOP5:.0%}"
    found = f"{samples['top1']:.0%} / {samples['top5']:.0%} of {samples['n']} samples"
    holds = samples["top1"] >= TOP1 and samples["top5"] >= TOP5
    return Gate("the base model draws the concept that is asked for", needs, found, holds)


def _learns_exemplars(case: str, scores: Mapping[str, Any]) -> Gate:
    found = scores["efficientnet_lite0"]["recall@10"]
    shown = f"{found['value']:.0%} ({found['low']:.0%}–{found['high']:.0%})"
    name = f"plain samples lead to the val exemplars of {case}"
    needs = f"EfficientNet, untuned: Recall@10 at least {CUSTOMIZED:.0%}"
    return Gate(name, needs, shown, found["value"] >= CUSTOMIZED)
