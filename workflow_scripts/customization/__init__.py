"""Customization: ways to teach a base model one exemplar image, or a few images of one style. One plug-in per file.

A plug-in is a module with the functions of `CustomizationModule`, named by `customization.name` in the study. Its
functions work on many models at once. What they make of one model must not depend on the other models.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from workflow_scripts.study.study import TOKEN

if TYPE_CHECKING:
    import numpy as np
    import torch

    from workflow_scripts.base_models import BaseModel


def token_id(base: "BaseModel") -> int:
    """The id of V*; the first call adds the word to the tokenizer."""
    base.tokenizer.add_tokens(TOKEN)
    return base.tokenizer.convert_tokens_to_ids(TOKEN)


def tokenize(base: "BaseModel", prompts: Sequence[str]) -> "torch.Tensor":
    """Token ids [n, l] of prompts that may contain V*; raises `ValueError` naming one that is too long."""
    token_id(base)
    return base.tokenize(prompts)


def check_prompts(base: "BaseModel", prompts: Sequence[str], key: str) -> None:
    """Raises `ValueError` naming the study's `key` and a prompt that is too long."""
    try:
        tokenize(base, prompts)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


@dataclass(frozen=True)
class Task:
    """One model to make."""

    model: str
    prompt: str  # such as `<new1> cat`
    exemplars: "Sequence[np.ndarray]"  # uint8 [h, w, 3] each
    prior_latents: "np.ndarray"  # regularization images, fp32 [n, c, h, w]
    prior_captions: Sequence[str]  # n
    seed: int  # derived from names, so that it does not depend on other models


@dataclass(frozen=True)
class Customized:
    """One model made, or the reason why it could not be made."""

    model: str
    weights: "dict[str, np.ndarray]" = field(default_factory=dict)
    losses: Sequence[float] = ()  # per step, on the views of the exemplars
    lost: "dict[str, float]" = field(default_factory=dict)  # what compression loses, for the provenance
    error: str | None = None


Conditioning = Any  # what the denoising network needs of one model and its prompts, computed once for all steps


class CustomizationModule(Protocol):
    """What a module of this folder offers, beside `Settings` (see `plugins`), which extends `options.Customization`."""

    def fine_tune(self, base: "BaseModel", tasks: Sequence[Task], kind: str, settings: Any) -> Iterator[Customized]:
        """Makes the models of `tasks` and yields each as soon as it is done; those that cannot be made come first.

        Args:
            kind: `object` or `style`.

        Raises:
            ValueError: a setting does not fit the base model.
        """

    def condition(self, base: "BaseModel", weights: "Mapping[str, np.ndarray]", prompts: Sequence[str]) -> Conditioning:
        """Prepares prompts for one customized model.

        Raises:
            ValueError: `weights` belong to another base model, or a prompt is too long for the text encoder.
        """

    def conditioned(self, base: "BaseModel", rows: Sequence[tuple[Conditioning, int]]) -> "AbstractContextManager[Any]":
        """A context in which row i of a batch through `base.unet` has the model and prompt `rows[i]`.

        Yields the text states [n, l, d] to call the network with.
        """
