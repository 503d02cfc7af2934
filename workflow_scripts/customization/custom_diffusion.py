"""Custom Diffusion (Kumari et al., CVPR 2023), the customization of AbC, on a bank of models.

Trained are W_k and W_v of all cross-attention layers and the embedding of one new token V*; all else stays frozen.
Images of the class word made by the base model itself keep the class what it was (prior preservation).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from msgspec import Meta

from workflow_scripts.customization import TOKEN, Customized, Task, check_prompts, token_id, tokenize
from workflow_scripts.customization.bank.stacked import Given, StackedEmbedding, effective_weights, embedded, replaced
from workflow_scripts.customization.bank.training import train_bank
from workflow_scripts.devices import autocast, in_batches
from workflow_scripts.study.options import Count, Customization, NotNegative, Positive

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel


@dataclass(frozen=True)
class Settings(Customization):
    """The section `customization` of a study."""

    @dataclass(frozen=True)
    class Look:
        """A size at which views show an exemplar."""

        @dataclass(frozen=True)
        class Words:
            """By kind of model."""

            object: Annotated[tuple[str, ...], Meta(min_length=1)]
            style: Annotated[tuple[str, ...], Meta(min_length=1)]

        weight: Annotated[NotNegative, Meta(description="How often it is drawn, beside the others.")]
        scale: Annotated[
            tuple[Positive, ...],
            Meta(
                min_length=2,
                max_length=2,
                description="Smallest and largest size: below 1 shrunk and pasted, above 1 zoomed and cropped.",
            ),
        ]
        words: Annotated[Words, Meta(description="Put before the prompt, per kind of model; one of the list is drawn.")]

    @dataclass(frozen=True)
    class InitializerToken:
        """By kind of model."""

        object: str
        style: str

    steps: Annotated[Count, Meta(description="Steps of training.")]
    views: Annotated[Count, Meta(description="Views of the exemplars per model and step.")]
    prior_images: Annotated[int, Meta(ge=0, description="Regularization images per model and step.")]
    prior_weight: Annotated[
        NotNegative,
        Meta(description="Prior preservation: loss = mean over views + this * mean over regularization images."),
    ]
    view_pool: Annotated[
        Count, Meta(description="Augmented views drawn and encoded per model beforehand, at least one per exemplar.")
    ]
    learning_rate: Annotated[Positive, Meta(description="Learning rate of W_k and W_v.")]
    token_learning_rate: Annotated[Positive, Meta(description="Learning rate of V*.")]
    betas: Annotated[
        tuple[Annotated[float, Meta(ge=0, lt=1)], ...],
        Meta(min_length=2, max_length=2, description="Decay of AdamW's two moving averages."),
    ]
    weight_decay: Annotated[NotNegative, Meta(description="AdamW's, on the differences from the base model.")]
    max_grad_norm: Annotated[
        Positive | None, Meta(description="Clips the norm of each model's own gradient; null: not.")
    ]
    schedule: Annotated[Literal["cosine", "constant"], Meta(description="Learning rates after the warm-up.")]
    warmup_steps: Annotated[int, Meta(ge=0, description="Steps over which the learning rates rise.")]
    initializer_token: Annotated[
        InitializerToken,
        Meta(description="Word whose embedding V* starts from, per kind; one token of the base model's tokenizer."),
    ]
    flip: Annotated[float, Meta(ge=0, le=1, description="Probability of mirroring a view.")]
    looks: Annotated[
        tuple[Look, ...],
        Meta(min_length=1, description="Sizes at which views show an exemplar, and what the prompt says about them."),
    ]
    compile: Annotated[
        bool, Meta(description="Compile the network with torch.compile: faster steps after a minute of compiling.")
    ]
    compression_ratio: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Share of the sum of its singular values that the file keeps of each change of W_k and W_v, "
            "the leading ones as factors; 1: all, as full matrices.",
        ),
    ]


def fine_tune(base: "BaseModel", tasks: Sequence[Task], kind: str, settings: Settings) -> Iterator[Customized]:
    """See `CustomizationModule.fine_tune`. Trains `models_per_batch` models at once, which changes none."""
    initial = _initial_embedding(base, getattr(settings.initializer_token, kind))
    refused = {task.model: reason for task in tasks if (reason := _refusal(base, task, kind, settings))}
    for model, reason in refused.items():
        yield Customized(model, error=reason)

    def train(bank: Sequence[Task]) -> list[Customized]:
        with autocast(settings.precision, base.device):
            return train_bank(base, bank, kind, initial, settings)

    yield from in_batches([task for task in tasks if task.model not in refused], settings.models_per_batch, train)


def _refusal(base: "BaseModel", task: Task, kind: str, settings: Settings) -> str | None:
    """Why a model cannot be made, if a view's prompt would be too long."""
    prompts = [words + task.prompt for look in settings.looks for words in getattr(look.words, kind)]
    try:
        check_prompts(base, prompts, f"prompts.{kind}.finetune")
    except ValueError as error:
        return str(error)
    return None


@dataclass(frozen=True)
class Prompts:
    """The cross-attention's keys and values of p prompts of one model."""

    projected: Mapping[str, torch.Tensor]  # per path of W_k or W_v: [p, l, out]
    states: torch.Tensor  # of the text encoder [p, l, d]


def condition(base: "BaseModel", weights: Mapping[str, np.ndarray], prompts: Sequence[str]) -> Prompts:
    """See `CustomizationModule.condition`. Keys and values do not depend on the step, so they are computed once."""
    ids = tokenize(base, prompts)
    effective = effective_weights(base, weights)
    token = torch.from_numpy(weights[TOKEN]).to(base.device, torch.float32)
    embedding = StackedEmbedding(base.text_encoder.get_input_embeddings(), token_id(base), token, models=1)
    with torch.no_grad(), embedded(base, embedding):
        states = base.text_encoder(ids).last_hidden_state  # [p, l, d]
        rows = states.reshape(1, -1, states.shape[-1])
        projected = {path: torch.bmm(rows, weight[None]) for path, weight in effective.items()}
    return Prompts({path: each.reshape(*states.shape[:-1], -1) for path, each in projected.items()}, states)


@contextmanager
def conditioned(base: "BaseModel", rows: Sequence[tuple[Prompts, int]]) -> Iterator[torch.Tensor]:
    """See `CustomizationModule.conditioned`."""
    paths = rows[0][0].projected
    given = {path: Given(torch.stack([prompts.projected[path][i] for prompts, i in rows])) for path in paths}
    with replaced(base.unet, given):
        yield torch.stack([prompts.states[i] for prompts, i in rows])


def _initial_embedding(base: "BaseModel", word: str) -> torch.Tensor:
    """The embedding [d] that V* starts from.

    Raises:
        ValueError: `word` is not one token of the base model.
    """
    ids = base.tokenizer(word, add_special_tokens=False).input_ids
    if len(ids) != 1 or ids[0] == base.tokenizer.unk_token_id:
        raise ValueError(
            f"customization.initializer_token: {word!r} is {len(ids)} tokens of the base model's tokenizer "
            f"({', '.join(base.tokenizer.convert_ids_to_tokens(ids))}); name a word that is one token of its vocabulary"
        )
    return base.text_encoder.get_input_embeddings().weight[ids[0]]
