"""The model bank: many customized models on one frozen network (m models; a model-major batch has b = m * r rows).

Custom Diffusion changes only W_k and W_v of the cross-attention layers, and one token's embedding. So all other layers
run once over the rows of many models. The layers that differ are stacked, and each row uses those of its model.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from workflow_scripts.customization import TOKEN, token_id

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel


class StackedLinear(nn.Module):
    """m linear maps x -> x (W + delta_i) that share the frozen W [in, out].

    W is the transpose of the weight of `nn.Linear`, so that batched products need no copies, forward or backward.
    """

    def __init__(self, weight: torch.Tensor, models: int) -> None:
        super().__init__()
        self.weight = weight
        self.delta = nn.Parameter(torch.zeros(models, *weight.shape, device=weight.device))  # [m, in, out]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps [b, l, in], model-major, to [b, l, out]."""
        rows = x.reshape(len(self.delta), -1, x.shape[-1])  # [m, r * l, in]
        return torch.bmm(rows, self.weight + self.delta).reshape(*x.shape[:-1], -1)  # [b, l, out]


class StackedEmbedding(nn.Module):
    """A frozen token embedding in which one token differs from model to model."""

    def __init__(self, base: nn.Embedding, token: int, initial: torch.Tensor, models: int) -> None:
        super().__init__()
        self.base, self.token = base, token
        self.rows = nn.Parameter(initial.detach().clone().expand(models, -1).contiguous())  # [m, d]

    @property
    def weight(self) -> torch.Tensor:
        return self.base.weight  # text encoders take their dtype from it

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Maps token ids [b, l], model-major, to embeddings [b, l, d]."""
        new = ids == self.token  # [b, l]
        frozen = self.base(ids.masked_fill(new, 0))  # [b, l, d]
        rows = self.rows.repeat_interleave(len(ids) // len(self.rows), 0)  # [b, d]
        return torch.where(new[..., None], rows[:, None].to(frozen.dtype), frozen)


class Given(nn.Module):
    """Replaces a key or value projection whose output is computed before the network runs."""

    def __init__(self, rows: torch.Tensor | None = None) -> None:
        super().__init__()
        self.rows = rows  # [b, l, out]

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.rows


def projections(unet: nn.Module) -> dict[str, nn.Linear]:
    """W_k and W_v of all cross-attention layers, by path, such as `down_blocks.0....attn2.to_k`."""
    return {path: module for path, module in unet.named_modules() if path.endswith(("attn2.to_k", "attn2.to_v"))}


@contextmanager
def replaced(unet: nn.Module, modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Replaces the network's own modules by `modules` while the block runs."""
    originals = {path: unet.get_submodule(path) for path in modules}
    try:
        for path, module in modules.items():
            unet.set_submodule(path, module)
        yield
    finally:
        for path, module in originals.items():
            unet.set_submodule(path, module)


@contextmanager
def embedded(base: "BaseModel", embedding: StackedEmbedding) -> Iterator[None]:
    """The base model's text encoder knows V* while the block runs."""
    base.text_encoder.set_input_embeddings(embedding)
    try:
        yield
    finally:
        base.text_encoder.set_input_embeddings(embedding.base)


class ModelBank:
    """m customized models of one base model: their deltas of W_k and W_v, and their V*, at first `initial` [d]."""

    def __init__(self, base: "BaseModel", initial: torch.Tensor, models: int) -> None:
        self.base = base
        layers = projections(base.unet)
        self.linear = {path: StackedLinear(layer.weight.T.contiguous(), models) for path, layer in layers.items()}
        embedding = base.text_encoder.get_input_embeddings()
        self.embedding = StackedEmbedding(embedding, token_id(base), initial, models)
        self.given = {path: Given() for path in layers}

    @property
    def deltas(self) -> list[nn.Parameter]:
        return [layer.delta for layer in self.linear.values()]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """The base model's networks take model-major batches of the bank's models while the block runs.

        Call `attend` with the text states before each call of the denoising network.
        """
        with replaced(self.base.unet, self.given), embedded(self.base, self.embedding):
            yield

    def project(self, states: torch.Tensor) -> dict[str, torch.Tensor]:
        """Keys and values [b, l, out] by path, of text states [b, l, d], model-major."""
        return {path: layer(states) for path, layer in self.linear.items()}

    def attend(self, states: torch.Tensor) -> None:
        """The next call of the denoising network attends to these text states [b, l, d], model-major."""
        for path, rows in self.project(states).items():
            self.given[path].rows = rows

    def weights(self, index: int) -> dict[str, np.ndarray]:
        """The tensors of one model's file: `<new1>` [d], and per projection `{path}.delta` [out, in]."""
        tensors = {TOKEN: self.embedding.rows[index].detach().cpu().numpy()}
        for path, layer in self.linear.items():
            tensors[f"{path}.delta"] = layer.delta[index].T.detach().cpu().numpy()
        return tensors


def effective_weights(base: "BaseModel", weights: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """W_k and W_v of one customized model by path, fp32 [in, out], from the tensors of its file.

    For each projection the file holds the change of the base model's weight (`{path}.delta` [out, in]), its factors
    (`{path}.delta.u` [out, rank], `{path}.delta.v` [rank, in]), or the weight itself (`{path}.weight` [out, in]).

    Raises:
        ValueError: names or shapes are not those of this base model; none may be missing or left over.
    """
    effective, known = {}, {TOKEN}
    for path, layer in projections(base.unet).items():
        stored = _stored(weights, path, *layer.weight.shape)
        known |= stored.keys()
        product = reduce(np.matmul, stored.values())  # by NumPy: autocast would round
        matrix = torch.from_numpy(product).to(base.device, torch.float32).T
        effective[path] = (matrix if f"{path}.weight" in stored else layer.weight.T + matrix).contiguous()
    width = base.text_encoder.get_input_embeddings().weight.shape[1]
    _check_shape(weights, TOKEN, (width,))
    for name in sorted(weights.keys() - known):
        raise ValueError(f"weights of another base model: {name} is unknown")
    return effective


def _stored(weights: Mapping[str, np.ndarray], path: str, rows: int, columns: int) -> dict[str, np.ndarray]:
    """The tensors of one projection: delta, factors or weight, whichever the file holds."""
    delta, u, v, whole = (f"{path}.{name}" for name in ("delta", "delta.u", "delta.v", "weight"))
    if delta not in weights and (u in weights or v in weights):
        rank = weights[u].size // rows if u in weights else weights[v].size // columns
        shapes = {u: (rows, rank), v: (rank, columns)}
    else:
        shapes = {whole if whole in weights and delta not in weights else delta: (rows, columns)}
    for name, shape in shapes.items():
        _check_shape(weights, name, shape)
    return {name: weights[name] for name in shapes}


def _check_shape(weights: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> None:
    if name not in weights:
        raise ValueError(f"weights of another base model: {name} is missing")
    if weights[name].shape != shape:
        raise ValueError(
            f"weights of another base model: {name} is of shape {list(weights[name].shape)}, expected {list(shape)}"
        )
