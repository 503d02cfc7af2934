"""Trains the miniature's UNet and text tower jointly, from scratch, on composed pictures and their captions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from tqdm import tqdm
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from workflow_scripts import devices
from workflow_scripts.base_models import BaseModel
from workflow_scripts.ground_truth.denoising import denoise
from workflow_scripts.miniature.pretraining.vocabulary import INITIALIZERS
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study.settings.ground_truth import Course

SNR_LIMIT = 5.0  # gamma of min-SNR weighting (Hang et al. 2023)
SAMPLE_BATCH = 64
CAPTION_DROPOUT = 0.1  # for classifier-free guidance


def build_unet(settings: Mapping[str, Any], latent_channels: int) -> UNet2DConditionModel:
    """Two levels of 8x8 and 4x4, cross-attention on both."""
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=latent_channels,
        out_channels=latent_channels,
        down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2,
        block_out_channels=tuple(settings["channels"]),
        layers_per_block=1,
        cross_attention_dim=settings["text_width"],
        attention_head_dim=2,
        norm_num_groups=16,
    )
    unet.set_attn_processor(AttnProcessor())  # at 64 positions 1.6x as fast on a CPU as fused attention
    return unet


def build_text_encoder(settings: Mapping[str, Any], tokenizer: CLIPTokenizer) -> CLIPTextModel:
    width = settings["text_width"]
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=settings["text_layers"],
            num_attention_heads=4,
            max_position_embeddings=tokenizer.model_max_length,
            projection_dim=width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    text.set_attn_implementation("eager")  # faster than fused attention on a CPU, as in the UNet
    return text


def build_scheduler() -> DDIMScheduler:
    """Stable Diffusion's schedule, made to end in pure noise, so that flat backgrounds get their exact colour."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )


class DenoisingLoss:
    """v-prediction with min-SNR weights on batches of cached latents [n, c, h, w] and token ids [n, positions]."""

    def __init__(
        self, unet: UNet2DConditionModel, text: CLIPTextModel, latents: torch.Tensor, ids: torch.Tensor,
        empty: torch.Tensor, batch: int,
    ) -> None:  # fmt: skip
        self.unet, self.text, self.latents, self.ids, self.empty, self.batch = unet, text, latents, ids, empty, batch
        self.signal = build_scheduler().alphas_cumprod

    def __call__(self, step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(self.latents), (self.batch,), generator=generator)
        dropped = torch.rand(self.batch, 1, generator=generator) < CAPTION_DROPOUT
        ids = torch.where(dropped, self.empty, self.ids[rows])
        clean = self.latents[rows].float()
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.randint(len(self.signal), (self.batch,), generator=generator)
        a = self.signal[timesteps].view(-1, 1, 1, 1)
        noisy, velocity = a.sqrt() * clean + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * clean
        snr = a / (1 - a)
        # For clean latents the weight is min(SNR, limit) + 1: the 1 keeps pure noise in, in which shapes begin.
        weight = (snr.clamp(max=SNR_LIMIT) + 1) / (snr + 1)
        with devices.autocast("auto", "cpu"):
            predicted = self.unet(noisy, timesteps, self.text(ids)[0]).sample
        return (weight * (predicted.float() - velocity) ** 2).mean() / weight.mean()


@torch.no_grad()
def sample_images(base: BaseModel, prompts: Sequence[str], seed: int, settings: Mapping[str, Any]) -> np.ndarray:
    """A picture uint8 [h, w, 3] of each prompt; its noise derives from `seed`, its place and its prompt."""
    images = []
    for start in tqdm(range(0, len(prompts), SAMPLE_BATCH), unit="batch", disable=None):
        batch = prompts[start : start + SAMPLE_BATCH]
        seeds = [derive_seed(seed, start + i, prompt) for i, prompt in enumerate(batch)]
        with devices.autocast("auto", base.device):
            ids = base.tokenize([""] * len(batch) + list(batch))
            latents = denoise(base, base.text_encoder(ids).last_hidden_state, seeds, Course(**settings))
            images.append(base.decode(latents).round().to(torch.uint8).numpy())
    return np.concatenate(images)


@torch.no_grad()
def without_new_words(
    text: CLIPTextModel, tokenizer: CLIPTokenizer, words: Mapping[str, Sequence[int]]
) -> CLIPTextModel:
    """A text tower without the instance and group words; their means become the tokens that V* starts from.

    Args:
        tokenizer: the shipped one.
        words: token ids of the instance words (`object`) and of the group words (`style`).
    """
    embedding = text.get_input_embeddings().weight
    size = {"text_width": text.config.hidden_size, "text_layers": text.config.num_hidden_layers}
    shipped = build_text_encoder(size, tokenizer)
    state = {name: tensor for name, tensor in text.state_dict().items() if "token_embedding" not in name}
    kept = embedding[: len(tokenizer)].clone()
    for kind, token in INITIALIZERS.items():
        kept[tokenizer.convert_tokens_to_ids(token)] = embedding[list(words[kind])].mean(0)
    shipped.get_input_embeddings().weight.copy_(kept)
    missing, unexpected = shipped.load_state_dict(state, strict=False)
    if unexpected or any("token_embedding" not in name for name in missing):
        raise ValueError(f"text tower: unexpected {unexpected}, missing {missing}")
    return shipped


def assemble(
    folder: Path, vae: AutoencoderKL, text: CLIPTextModel, tokenizer: CLIPTokenizer, unet: UNet2DConditionModel
) -> None:
    """Saves a StableDiffusionPipeline folder in half precision, safetensors only."""
    pipeline = StableDiffusionPipeline(
        vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet, scheduler=build_scheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    pipeline.to(torch.float16).save_pretrained(folder, safe_serialization=True)
