"""Custom Diffusion (Kumari et al., CVPR 2023), the customization of AbC, on a bank of models.

It trains W_k and W_v of all cross-attention layers and the embedding of one new token V*; all else stays frozen.
Training also on the base model's own images of the class word keeps the model from forgetting the class (prior
preservation).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from workflow_scripts.customization import TOKEN, Customized, Task, check_prompts, token_id, tokenize
from workflow_scripts.customization.bank.stacked import Given, StackedEmbedding, effective_weights, embedded, replaced
from workflow_scripts.customization.bank.training import train_bank
from workflow_scripts.devices import autocast, in_batches
from workflow_scripts.study.options import CustomDiffusion as Settings

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel


def fine_tune(base: "BaseModel", tasks: Sequence[Task], kind: str, settings: Settings) -> Iterator[Customized]:
    """See `CustomizationModule.fine_tune`. Trains `models_per_batch` models at once; the number changes no result."""
    initial = _initial_embedding(base, getattr(settings.initializer_token, kind))
    refused = {task.model: reason for task in tasks if (reason := _refusal(base, task, kind, settings))}
    for model, reason in refused.items():
        yield Customized(model, error=reason)

    def train(bank: Sequence[Task]) -> list[Customized]:
        with autocast(settings.precision, base.device):
            return train_bank(base, bank, kind, initial, settings)

    yield from in_batches([task for task in tasks if task.model not in refused], settings.models_per_batch, train)


def _refusal(base: "BaseModel", task: Task, kind: str, settings: Settings) -> str | None:
    """The reason why a model cannot be made: a view's prompt would be too long. None if it can."""
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
    fixed = {path: Given(torch.stack([prompts.projected[path][i] for prompts, i in rows])) for path in paths}
    with replaced(base.unet, fixed):
        yield torch.stack([prompts.states[i] for prompts, i in rows])


def _initial_embedding(base: "BaseModel", word: str) -> torch.Tensor:
    """The embedding [d] that V* starts from; raises `ValueError` if `word` is not one token of the base model."""
    ids = base.tokenizer(word, add_special_tokens=False).input_ids
    if len(ids) != 1 or ids[0] == base.tokenizer.unk_token_id:
        raise ValueError(
            f"customization.initializer_token: {word!r} is {len(ids)} tokens of the base model's tokenizer "
            f"({', '.join(base.tokenizer.convert_ids_to_tokens(ids))}); give a word that is one token"
        )
    return base.text_encoder.get_input_embeddings().weight[ids[0]]
