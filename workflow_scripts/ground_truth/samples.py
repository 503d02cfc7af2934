"""The samples of a shard's customized models: what each file holds, and how missing files are made."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import chain, groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from tqdm import tqdm

from workflow_scripts import artifacts, plugins
from workflow_scripts.customization import check_prompts
from workflow_scripts.ground_truth import shards
from workflow_scripts.ground_truth.shards import Failure, Part
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.ground_truth import SampleSettings, Sampling

if TYPE_CHECKING:
    from workflow_scripts.base_models import BaseModel

WAITING = 64  # the most files that wait to be written


@dataclass(frozen=True)
class Sample:
    """An image to draw. The fields are columns of its file."""

    model: str
    prompt_set: str
    prompt: str
    prompt_index: int
    index: int
    seed: int


class Samples:
    """Makes the samples of a shard's customized models, which a manifest lists."""

    def __init__(self, base_model: Path, models: Path, settings: SampleSettings) -> None:
        self.base_model, self.models, self.settings = base_model, models, settings

    def parts(self) -> Iterator[Part | Failure]:
        """The files, each with the settings and inputs that decide its images; and models that cannot be sampled."""
        plugins.load("base_models", self.settings.base_model["name"]).check(self.base_model)
        provenance = artifacts.make_provenance({}, {"base_model": self.base_model})
        entries = {entry["model"]: entry for entry in shards.read_manifest(self.models)}
        seed, per_prompt = self.settings.seed, self.settings.sampling.samples_per_prompt
        for model, files in groupby(self.settings.files(), attrgetter("model")):
            try:
                self._check_model(model, entries, provenance["inputs"]["base_model"])
            except ValueError as error:
                yield Failure(model, str(error))
                continue
            inputs = {**provenance["inputs"], "model": entries[model]["sha256"]}
            for file in files:
                planned = plan_samples(model, file.settings["prompt_set"], file.settings["prompts"], per_prompt, seed)
                yield Part(file, {**provenance, "inputs": inputs, "settings": file.settings}, planned)

    def _check_model(self, model: str, entries: Mapping[str, Mapping[str, Any]], base_hash: str) -> None:
        """Raises `ValueError` if the file of a model is not the one in the manifest, or is of another base model."""
        if model not in entries:
            raise ValueError(f"{self.models}: does not list this model; delete the manifest and run again")
        file = entries[model]["file"]
        if not file.is_file() or artifacts.file_hash(file) != entries[model]["sha256"]:
            raise ValueError(f"{file}: is missing, or not the one in {self.models}; delete {self.models} and run again")
        if artifacts.read_provenance(file).get("inputs", {}).get("base_model") != base_hash:
            raise ValueError(f"{file}: customized from another base model; delete {self.models} and run again")

    def make(self, manifest: Path, parts: Sequence[Part], missing: Sequence[Part]) -> Iterator[Failure]:
        """Draws the samples of missing files, in the batches of an uninterrupted run; yields the models that fail."""
        from workflow_scripts import devices  # PyTorch: only if a file is missing

        sampling = self.settings.sampling
        load = plugins.load("base_models", self.settings.base_model["name"]).load
        base = load(self.base_model, devices.set_up(), sampling.precision)
        if sampling.compile:
            base.unet.compile()  # once: the W_k and W_v of all batches have the same shape
        failed = set()
        for part in missing:
            settings = part.file.settings
            try:
                check_prompts(base, settings["prompts"], f"prompts.{self.settings.kind}.{settings['prompt_set']}")
            except ValueError as error:
                failed.add(part.file.model)
                yield Failure(part.file.model, str(error))
        missing, parts = ([part for part in files if part.file.model not in failed] for files in (missing, parts))
        yield from _write_all(missing, self._draw(base, parts, missing), manifest)

    def _draw(
        self, base: "BaseModel", parts: Sequence[Part], missing: Sequence[Part]
    ) -> Iterator[tuple[Sample, np.ndarray | None]]:
        """The missing samples with their images, in order. Their batches may hold samples of finished files, too."""
        planned = list(chain.from_iterable(part.source for part in parts))
        wanted = set(chain.from_iterable(part.source for part in missing))
        samples = shards.whole_batches(planned, self.settings.sampling.batch, wanted.__contains__)
        images = draw(base, self.models.parent, samples, self.settings)
        return (pair for pair in zip(samples, images, strict=True) if pair[0] in wanted)


def plan_samples(model: str, prompt_set: str, prompts: Sequence[str], per_prompt: int, seed: int) -> list[Sample]:
    """The samples of a model, prompt by prompt."""
    return [
        Sample(model, prompt_set, prompt, i, k, derive_seed(seed, model, prompt, k))
        for i, prompt in enumerate(prompts)
        for k in range(per_prompt)
    ]


class Drawing(Protocol):
    """Settings of drawing; `customization` names the plug-in that made the models."""

    customization: str
    sampling: Sampling


def draw(base: "BaseModel", models: Path, samples: Sequence[Sample], settings: Drawing) -> Iterator[np.ndarray | None]:
    """Yields the image of each sample, uint8 [H, W, 3], or None if it is not finite. A batch may span models.

    Args:
        models: folder of the customized models.
        samples: model by model.
    """
    from workflow_scripts import devices
    from workflow_scripts.ground_truth.denoising import denoise, to_images

    plugin, sampling = plugins.load("customization", settings.customization), settings.sampling
    model_of = attrgetter("model")
    prompts = {model: list(dict.fromkeys(s.prompt for s in group)) for model, group in groupby(samples, model_of)}
    conditions: dict[str, Any] = {}  # of each model in the batch: row 0 is unconditional, the prompts follow

    def compute(batch: Sequence[Sample]) -> list[np.ndarray | None]:
        present = set(map(model_of, batch))
        for model in conditions.keys() - present:
            del conditions[model]
        with devices.autocast(sampling.precision, base.device):
            for model in present - conditions.keys():
                weights = artifacts.read_tensors(models / f"{model}.safetensors")
                conditions[model] = plugin.condition(base, weights, ["", *prompts[model]])
            rows = [(conditions[s.model], 0) for s in batch]
            rows += [(conditions[s.model], 1 + prompts[s.model].index(s.prompt)) for s in batch]
            with plugin.conditioned(base, rows) as states:
                return to_images(base, denoise(base, states, [s.seed for s in batch], sampling))

    images = devices.in_batches(samples, sampling.batch, compute)
    yield from tqdm(images, total=len(samples), unit="image", disable=None)


def _write_all(
    files: Sequence[Part], drawn: Iterator[tuple[Sample, np.ndarray | None]], manifest: Path
) -> Iterator[Failure]:
    """Writes files as their images arrive, in a second thread so that the device can go on; yields failed models."""
    writes = deque[Future]()
    with ThreadPoolExecutor(max_workers=1) as writer:
        for part in files:
            writes.append(writer.submit(_write, manifest, part, list(islice(drawn, len(part.source)))))
            while writes and (writes[0].done() or len(writes) > WAITING):
                yield from writes.popleft().result()
        for write in writes:
            yield from write.result()


def _write(manifest: Path, part: Part, made: Sequence[tuple[Sample, np.ndarray | None]]) -> list[Failure]:
    """Writes a file, or returns a failure that names the prompt if an image is not finite."""
    for sample, image in made:
        if image is None:
            reason = f"sample {sample.index} of {sample.prompt!r} has pixels that are not finite"
            return [Failure(part.file.model, reason)]
    table = pd.DataFrame(asdict(sample) for sample, _ in made)
    table["image"] = [artifacts.encode_png(image) for _, image in made]
    artifacts.write_table(manifest.with_name(part.file.name), table, part.recipe, shards.checklist_of(manifest))
    return []
