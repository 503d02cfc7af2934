"""Sampling many customized models in one batch, beside a stock pipeline that loads one after the other.

The pipeline is diffusers' StableDiffusionPipeline: `load_attn_procs` for each model, one call for each prompt. Both
draw the same samples, with the study's scheduler, steps and guidance, on one thread. Needs the study's models: run
`make demo` first.

Example:
    python -m benchmarks.sample
"""

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import _compare, _study, _tables
from workflow_scripts import artifacts, cli, devices, plugins
from workflow_scripts.customization import TOKEN
from workflow_scripts.ground_truth.denoising import make_scheduler
from workflow_scripts.ground_truth.samples import Sample, draw, plan_samples
from workflow_scripts.study.settings.ground_truth import SampleSettings, fill_in

MODELS = 64
PROMPTS = 2


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("--study", default="miniature", help="whose models, prompts and settings are used")
    args = parser.parse_args()

    study = _study.load(args.study)
    settings = _study.settings_of(study, "sample", MODELS, "train")
    models = _study.needed(_study.ROOT / "results" / args.study / "models" / settings.case)
    folder, precision = _study.ROOT / study.sections["base_model"]["path"], settings.sampling.precision
    load = plugins.load("base_models", settings.base_model["name"]).load
    torch.set_num_threads(1)
    base = load(folder, devices.set_up(), precision)
    prompts, per_prompt = settings.prompts["llm"][:PROMPTS], settings.sampling.samples_per_prompt
    samples = [
        sample
        for model in settings.models
        for sample in plan_samples(
            model, "llm", fill_in(prompts, settings.class_words[model]), per_prompt, settings.seed
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        write_processors(base, models, settings.models, Path(folder))
        contenders = {"mixed batch": partial(draw_mixed, base, models, samples, settings)}
        for name, dtype in {"pipeline": torch.float32, "pipeline, bf16": torch.bfloat16}.items():
            pipeline = load_pipeline(_study.ROOT / study.sections["base_model"]["path"], base, settings, dtype)
            contenders[name] = partial(draw_one_by_one, pipeline, Path(folder), samples, settings)
        costs = _compare.interleave(contenders)

    work = f"{len(samples)} images of {MODELS} models"
    comparisons = [
        _compare.compare(costs, "mixed batch", "pipeline", "seconds", work, "s per image", 5.0),
        _compare.compare(costs, "mixed batch", "pipeline, bf16", "seconds", work, "s per image"),
    ]
    _tables.write("sample", comparisons, threads=1)


def draw_mixed(base: Any, models: Path, samples: Sequence[Sample], settings: SampleSettings) -> dict[str, float]:
    """Seconds per image of ours."""
    start = time.perf_counter()
    images = list(draw(base, models, samples, settings))
    assert not any(image is None for image in images)
    return {"seconds": (time.perf_counter() - start) / len(images)}


def draw_one_by_one(
    pipeline: Any, folder: Path, samples: Sequence[Sample], settings: SampleSettings
) -> dict[str, float]:
    """Seconds per image of the stock pipeline."""
    start, count, sampling = time.perf_counter(), 0, settings.sampling
    token = pipeline.tokenizer.convert_tokens_to_ids(TOKEN)
    for model, of_model in groupby(samples, attrgetter("model")):
        pipeline.unet.load_attn_procs(folder / model, weight_name="pytorch_custom_diffusion_weights.safetensors")
        weight = pipeline.text_encoder.get_input_embeddings().weight
        with torch.no_grad():
            weight[token] = torch.from_numpy(artifacts.read_tensors(folder / model / f"{TOKEN}.safetensors")[TOKEN])
        for prompt, of_prompt in groupby(of_model, attrgetter("prompt")):
            seeds = [sample.seed for sample in of_prompt]
            count += len(
                pipeline(
                    prompt,
                    num_images_per_prompt=len(seeds),
                    generator=[torch.Generator().manual_seed(seed) for seed in seeds],
                    num_inference_steps=sampling.steps,
                    guidance_scale=sampling.guidance,
                    output_type="np",
                ).images
            )
    return {"seconds": (time.perf_counter() - start) / count}


def load_pipeline(folder: Path, base: Any, settings: SampleSettings, dtype: torch.dtype) -> Any:
    """The base model as a stock pipeline that knows the word V*, with the study's scheduler."""
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        folder, local_files_only=True, torch_dtype=dtype, safety_checker=None
    )
    pipeline.set_progress_bar_config(disable=True)
    pipeline.tokenizer.add_tokens(TOKEN)
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer), mean_resizing=False)
    pipeline.scheduler = make_scheduler(settings.sampling.scheduler, base, settings.sampling.steps)
    return pipeline


def write_processors(base: Any, models: Path, names: Sequence[str], folder: Path) -> None:
    """Writes models in the format of `load_attn_procs`: whole W_k and W_v, and an empty entry for self-attention."""
    state = {name: tensor.float().numpy() for name, tensor in base.unet.state_dict().items()}
    for model in names:
        weights = artifacts.read_tensors(models / f"{model}.safetensors")
        processors = {
            name: np.zeros(0, np.float32) for name in base.unet.attn_processors if name.endswith("attn1.processor")
        }
        for path in (name.removesuffix(".delta") for name in weights if name.endswith(".delta")):
            layer, _, part = path.rpartition(".")
            whole = state[f"{path}.weight"] + weights[f"{path}.delta"]
            processors[f"{layer}.processor.{part}_custom_diffusion.weight"] = whole
        artifacts.write_tensors(folder / model / "pytorch_custom_diffusion_weights.safetensors", processors, {})
        artifacts.write_tensors(folder / model / f"{TOKEN}.safetensors", {TOKEN: weights[TOKEN]}, {})


if __name__ == "__main__":
    cli.run(main)
