"""The peer of the benchmark `finetune`: one model in a plain loop, in the manner of the example in diffusers.

Loads the pipeline, sets diffusers' CustomDiffusion attention processors, and in every step augments the images and runs
the autoencoder, the text encoder and the network on them. Prints its CPU seconds, without imports and loading, as JSON.

Example:
    python -m benchmarks._plain_loop FOLDER   (as `finetune` writes it: settings.json, exemplar/, class/)
"""

import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler, StableDiffusionPipeline
from diffusers.loaders import AttnProcsLayers
from diffusers.models.attention_processor import CustomDiffusionAttnProcessor2_0
from PIL import Image
from torch.nn import functional as F

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.customization import TOKEN
from workflow_scripts.customization.bank.views import draw_views


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("folder", type=Path, help="settings.json and the folders of images exemplar/ and class/")
    parser.add_argument("--mixed-precision", choices=("no", "bf16"), default="no", help="as in accelerate")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = artifacts.read_json(args.folder / "settings.json")
    recipe = settings["customization"]
    torch.manual_seed(0)

    accelerator = Accelerator(mixed_precision=args.mixed_precision, cpu=True)
    pipeline = StableDiffusionPipeline.from_pretrained(
        settings["base_model"], local_files_only=True, torch_dtype=torch.float32, safety_checker=None
    )
    start = time.process_time()
    noise_schedule = DDPMScheduler.from_config(pipeline.scheduler.config)
    token = add_token(pipeline, settings["initializer"])
    layers = set_processors(pipeline.unet)
    embeddings = pipeline.text_encoder.get_input_embeddings()
    optimizer = torch.optim.AdamW(
        [
            {"params": layers.parameters(), "lr": recipe["learning_rate"]},
            {"params": embeddings.parameters(), "lr": recipe["token_learning_rate"]},
        ],
        betas=tuple(recipe["betas"]),
        weight_decay=recipe["weight_decay"],
    )
    unet, text_encoder, optimizer = accelerator.prepare(pipeline.unet, pipeline.text_encoder, optimizer)
    others = torch.arange(len(pipeline.tokenizer)) != token
    exemplars, classes = (load_images(args.folder / kind) for kind in ("exemplar", "class"))
    for _ in range(recipe["steps"]):
        pixels, masks, prompts = draw_batch(exemplars, classes, settings, pipeline.unet.config.sample_size * 8)
        with torch.no_grad():
            latents = pipeline.vae.encode(pixels).latent_dist.sample() * pipeline.vae.config.scaling_factor
        noise = torch.randn_like(latents)
        t = torch.randint(noise_schedule.config.num_train_timesteps, (len(latents),))
        ids = pipeline.tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt").input_ids
        states = text_encoder(ids)[0]
        predicted = unet(noise_schedule.add_noise(latents, noise, t), t, states).sample
        velocity = noise_schedule.config.prediction_type == "v_prediction"
        target = noise_schedule.get_velocity(latents, noise, t) if velocity else noise
        error = F.mse_loss(predicted.float(), target, reduction="none")
        views = len(masks)
        masks = F.interpolate(masks[:, None], size=error.shape[2:])
        loss = ((error[:views] * masks).sum((1, 2, 3)) / masks.sum((1, 2, 3))).mean()
        if len(error) > views:
            loss = loss + recipe["prior_weight"] * error[views:].mean()
        accelerator.backward(loss)
        embeddings.weight.grad[others] = 0  # all other words stay as they are
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    pipeline.unet.save_attn_procs(args.folder / "trained")
    print(json.dumps({"loop": time.process_time() - start, "loss": loss.item()}))


def add_token(pipeline: StableDiffusionPipeline, initializer: str) -> int:
    """Teaches tokenizer and text encoder the new word, the only one that is trained; returns its id."""
    pipeline.tokenizer.add_tokens(TOKEN)
    new, old = pipeline.tokenizer.convert_tokens_to_ids([TOKEN, initializer])
    pipeline.text_encoder.resize_token_embeddings(len(pipeline.tokenizer))
    pipeline.vae.requires_grad_(False)
    pipeline.text_encoder.requires_grad_(False)
    weight = pipeline.text_encoder.get_input_embeddings().weight.requires_grad_(True)
    with torch.no_grad():
        weight[new] = weight[old]
    return new


def set_processors(unet: torch.nn.Module) -> AttnProcsLayers:
    """Sets the attention processors of Custom Diffusion, and returns their trained layers."""
    unet.requires_grad_(False)
    processors, state = {}, unet.state_dict()
    for name in unet.attn_processors:
        layer = name.removesuffix(".processor")
        cross = name.endswith("attn2.processor")
        width, states = state[f"{layer}.to_k.weight"].shape
        processors[name] = CustomDiffusionAttnProcessor2_0(
            train_kv=cross, train_q_out=False, hidden_size=width, cross_attention_dim=states if cross else None
        )
        if cross:
            weights = {f"{part}_custom_diffusion.weight": state[f"{layer}.{part}.weight"] for part in ("to_k", "to_v")}
            processors[name].load_state_dict(weights)
    unet.set_attn_processor(processors)
    return AttnProcsLayers(unet.attn_processors)


def load_images(folder: Path) -> list[np.ndarray]:
    return [np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.png"))]


def draw_batch(exemplars: list[np.ndarray], classes: list[np.ndarray], settings: dict, size: int) -> tuple:
    """Pixels [r, 3, size, size] in -1..1, masks of the views [b, size, size], and r prompts."""
    recipe = settings["customization"]
    once = plugins.settings("customization", recipe["name"], {**recipe, "view_pool": 1})
    views = [view for _ in range(recipe["views"]) for view in draw_views(exemplars[:1], size, "object", once, random)]
    rows = [random.randrange(len(classes)) for _ in range(recipe["prior_images"])]
    images = [view.image for view in views] + [classes[i] for i in rows]
    prompts = [view.words + settings["prompt"] for view in views] + [settings["captions"][i] for i in rows]
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 127.5 - 1
    return pixels, torch.from_numpy(np.stack([view.mask for view in views])), prompts


if __name__ == "__main__":
    cli.run(main)
