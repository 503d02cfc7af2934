"""The loop that all pre-training shares: AdamW, cosine schedule, weight averages, data parallel, resumable at any step.

Under `torchrun`, each process computes the loss on batches of its own, and gradients are averaged. Everything random
derives from the step and the process's rank, so an interrupted run goes on exactly from its checkpoint.
"""

import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from torch import nn
from tqdm import tqdm

from workflow_scripts import artifacts
from workflow_scripts.seeds import derive_seed

log = logging.getLogger(__name__)
STATE = ("exp_avg", "exp_avg_sq", "step")  # of the optimizer, for each parameter
Loss = Callable[[int, torch.Generator], torch.Tensor]


@dataclass(frozen=True)
class Schedule:
    """Steps of training and their learning rate: linear warm-up, then half a cosine down to a fiftieth."""

    steps: int
    learning_rate: float
    warmup: int
    weight_decay: float
    average: float  # decay of the exponential moving average of the weights
    checkpoint_every: int

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**{field.name: settings[field.name] for field in fields(cls)})

    def rate(self, step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.learning_rate * min(1, (step + 1) / self.warmup) * (0.02 + 0.98 * cosine)


class Trainer:
    """Trains the parameters of `modules` that need a gradient; `averages` are their moving averages, by name."""

    def __init__(self, modules: Mapping[str, nn.Module], schedule: Schedule, checkpoint: Path, seed: int) -> None:
        self.parameters = {
            f"{prefix}.{name}": parameter
            for prefix, module in modules.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        self.schedule, self.checkpoint, self.seed = schedule, checkpoint, seed
        self.rank, self.size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))  # of `torchrun`
        if self.size > 1:
            dist.init_process_group("gloo")
        options = {"lr": 0.0, "betas": (0.9, 0.99), "weight_decay": schedule.weight_decay, "fused": True}
        self.optimizer = torch.optim.AdamW(self.parameters.values(), **options)
        self.averages = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.step = 0
        if checkpoint.exists():
            self._load()

    def run(self, loss: Loss, on_checkpoint: Callable[[int], None] = lambda step: None) -> None:
        """Trains up to the schedule's last step.

        Args:
            loss: called with the step and a generator seeded for step and rank.
            on_checkpoint: called on rank 0 after each checkpoint, while the parameters are their averages.

        Raises:
            ValueError: the loss is not finite.
        """
        steps = range(self.step, self.schedule.steps)
        bar = tqdm(steps, initial=self.step, total=self.schedule.steps, unit="step", disable=self.rank > 0 or None)
        recent: list[float] = []
        for _ in bar:
            recent.append(self._update(loss))
            if self.step % 100 == 0:
                mean = sum(recent) / len(recent)
                bar.set_postfix(loss=f"{mean:.4f}")
                log.info("step %d of %d: loss %.4f", self.step, self.schedule.steps, mean)
                recent = []
            if self.rank == 0 and (self.step % self.schedule.checkpoint_every == 0 or self.step == self.schedule.steps):
                self._save()
                self.swap_averages()
                on_checkpoint(self.step)
                self.swap_averages()
        if self.size > 1:
            dist.barrier()

    def _update(self, loss: Loss) -> float:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, "step", self.step, self.rank))
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.step)
        self.optimizer.zero_grad()
        value = loss(self.step, generator)
        if not torch.isfinite(value):
            raise ValueError(f"loss is {value.item()} at step {self.step}; the last checkpoint is {self.checkpoint}")
        value.backward()
        if self.size > 1:
            self._average_gradients()
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        current = [parameter.detach() for parameter in self.parameters.values()]
        torch._foreach_lerp_(list(self.averages.values()), current, 1 - decay)
        return value.item()

    def _average_gradients(self) -> None:
        used = [p for p in self.parameters.values() if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in used])
        dist.all_reduce(flat)
        for parameter, part in zip(used, flat.split([p.numel() for p in used]), strict=True):
            parameter.grad.copy_(part.view_as(parameter) / self.size)

    def finish(self, weights: nn.Module, file: Path, settings: Mapping[str, Any], inputs: Mapping[str, Path]) -> None:
        """Writes the averages of the weights of a module on rank 0, in half precision, and removes the checkpoint."""
        if self.rank == 0:
            self.swap_averages()
            half = {name: tensor.detach().half().numpy() for name, tensor in weights.state_dict().items()}
            artifacts.write_tensors(file, half, artifacts.make_provenance(settings, inputs), sidecar=False)
            self.checkpoint.unlink()

    @torch.no_grad()
    def swap_averages(self) -> None:
        """Exchanges the parameters with their averages; twice changes nothing."""
        for name, parameter in self.parameters.items():
            kept = parameter.detach().clone()
            parameter.copy_(self.averages[name])
            self.averages[name].copy_(kept)

    def _save(self) -> None:
        tensors = {}
        for name, parameter in self.parameters.items():
            state = self.optimizer.state[parameter]
            tensors |= {f"{name}|weight": parameter.detach(), f"{name}|average": self.averages[name]}
            tensors |= {f"{name}|{key}": state[key] for key in STATE}
        artifacts.write_weights(self.checkpoint, tensors, {"step": str(self.step)})

    @torch.no_grad()
    def _load(self) -> None:
        self.step = int(artifacts.read_metadata(self.checkpoint)["step"])
        tensors = artifacts.read_weights(self.checkpoint)
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"{name}|weight"])
            self.averages[name].copy_(tensors[f"{name}|average"])
            self.optimizer.state[parameter] = {key: tensors[f"{name}|{key}"] for key in STATE}
        log.info("going on from step %d of %s", self.step, self.checkpoint)
