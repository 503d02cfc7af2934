"""The loop that all pre-training shares: AdamW, cosine schedule, weight averages, data parallel, resumable at any step.

Started under `torchrun`, each process computes the loss on batches of its own and gradients are averaged. Everything
random derives from the step and the process's rank, so an interrupted run goes on exactly where its checkpoint stands.
"""

import logging
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

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

    def rate(self, step: int) -> float:
        cosine = 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return self.learning_rate * min(1, (step + 1) / self.warmup) * (0.02 + 0.98 * cosine)


def join_processes() -> tuple[int, int]:
    """Rank and number of processes; joins the group that `torchrun` started, if it did."""
    size = int(os.environ.get("WORLD_SIZE", 1))
    if size > 1:
        dist.init_process_group("gloo")
    return int(os.environ.get("RANK", 0)), size


class Trainer:
    """Trains the parameters of `modules` that need a gradient.

    Attributes:
        averages: the moving averages of the parameters, by name: what is worth keeping at the end.
    """

    def __init__(self, modules: Mapping[str, nn.Module], schedule: Schedule, checkpoint: Path, seed: int) -> None:
        self.parameters = {
            f"{prefix}.{name}": parameter
            for prefix, module in modules.items()
            for name, parameter in module.named_parameters()
            if parameter.requires_grad
        }
        self.schedule, self.checkpoint, self.seed = schedule, checkpoint, seed
        self.rank, self.size = join_processes()
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(), lr=0.0, betas=(0.9, 0.99), weight_decay=schedule.weight_decay, fused=True
        )
        self.averages = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.step = 0
        if checkpoint.exists():
            self._load()

    def run(self, loss: Loss, on_checkpoint: Callable[[int], None] = lambda step: None) -> None:
        """Trains up to the schedule's last step.

        Args:
            loss: the loss of step `step` with a generator seeded for step and rank.
            on_checkpoint: called on rank 0 after each checkpoint, with the averaged weights in place.

        Raises:
            ValueError: the loss is not finite; the message names the step and where the last checkpoint is.
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
        self._average_gradients()
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        self.optimizer.step()
        self.step += 1
        decay = min(self.schedule.average, (1 + self.step) / (10 + self.step))
        averages, current = list(self.averages.values()), [p.detach() for p in self.parameters.values()]
        torch._foreach_lerp_(averages, current, 1 - decay)
        return value.item()

    def _average_gradients(self) -> None:
        if self.size == 1:
            return
        used = [p for p in self.parameters.values() if p.grad is not None]
        flat = torch.cat([p.grad.flatten() for p in used])
        dist.all_reduce(flat)
        for parameter, part in zip(used, flat.split([p.numel() for p in used]), strict=True):
            parameter.grad.copy_(part.view_as(parameter) / self.size)

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
