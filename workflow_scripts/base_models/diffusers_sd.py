"""Stable Diffusion 1.x in the diffusers layout: SD 1.4, and the miniature's own small model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts import artifacts
from workflow_scripts.base_models import naming

if TYPE_CHECKING:
    import numpy as np
    import torch

# For each part, alternative sets of glob patterns; all patterns of one set must match.
PARTS = {
    ".": (("model_index.json",),),
    "tokenizer": (("vocab.json", "merges.txt"), ("tokenizer.json",)),
    "text_encoder": (("config.json", "model*.safetensors"),),
    "vae": (("config.json", "diffusion_pytorch_model*.safetensors"),),
    "unet": (("config.json", "diffusion_pytorch_model*.safetensors"),),
    "scheduler": (("scheduler_config.json",),),
}
VAE_BATCH = 16  # images per pass of the autoencoder, which limits its memory


@dataclass(frozen=True)
class DiffusersSD:
    """See `base_models.BaseModel`."""

    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    scheduler: Any
    device: str

    @property
    def image_size(self) -> int:
        return self.unet.config.sample_size * 2 ** (len(self.vae.config.block_out_channels) - 1)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        return self.unet.config.in_channels, self.unet.config.sample_size, self.unet.config.sample_size

    def tokenize(self, prompts: Sequence[str]) -> "torch.Tensor":
        import torch

        length = self.tokenizer.model_max_length
        rows = self.tokenizer(list(prompts), padding="max_length", max_length=length, verbose=False).input_ids
        for prompt, row in zip(prompts, rows, strict=True):
            if len(row) > length:
                raise ValueError(
                    f"prompt {prompt!r} has {len(row)} tokens, the text encoder takes {length}; shorten it"
                )
        return torch.tensor(rows, device=self.device)  # [n, l]

    def encode(self, images: "np.ndarray") -> "torch.Tensor":
        import torch

        pixels = torch.from_numpy(images).permute(0, 3, 1, 2)  # [n, 3, H, W]
        with torch.no_grad():
            scaled = (chunk.to(self.device, torch.float32) / 127.5 - 1 for chunk in pixels.split(VAE_BATCH))
            # The mode instead of a draw: a view's latents are computed once and must not depend on the batch.
            latents = torch.cat([self.vae.encode(chunk).latent_dist.mode().float() for chunk in scaled])
        return latents * self.vae.config.scaling_factor

    def decode(self, latents: "torch.Tensor") -> "torch.Tensor":
        import torch

        with torch.no_grad():
            chunks = (latents / self.vae.config.scaling_factor).split(VAE_BATCH)
            pixels = torch.cat([self.vae.decode(chunk).sample.float().cpu() for chunk in chunks])
        return (pixels.permute(0, 2, 3, 1) + 1).mul(127.5).clamp(0, 255)  # [n, H, W, 3]


def load(folder: Path, device: str, precision: str = "fp32") -> DiffusersSD:
    """See `BaseModelModule.load`. Offline, from safetensors only."""
    check(folder)
    import torch
    from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer
    from transformers.utils import logging

    from workflow_scripts.devices import resolve_precision

    logging.disable_progress_bar()
    text_encoder = _load_part(CLIPTextModel, folder / "text_encoder", device, torch.float32)
    vae = _load_part(AutoencoderKL, folder / "vae", device, torch.float32)
    bf16 = resolve_precision(precision, device) == "bf16"
    unet = _load_part(UNet2DConditionModel, folder / "unet", device, torch.bfloat16 if bf16 else torch.float32)
    _suit(device, text_encoder, vae, unet)
    with naming(folder / "tokenizer"):
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    # Clipping to [-1, 1] is for pixels; samplers made from this schedule must not clip latents.
    scheduler = DDPMScheduler.from_pretrained(folder / "scheduler", local_files_only=True, clip_sample=False)
    return DiffusersSD(tokenizer, text_encoder, vae, unet, scheduler, device)


def _suit(device: str, text_encoder: Any, vae: Any, unet: Any) -> None:
    """Sets the implementations of attention and the memory layouts that are fastest on a device."""
    import torch
    from diffusers.models.attention_processor import Attention, AttnProcessor

    vae.to(memory_format=torch.channels_last)  # on CPU, decoding is a quarter faster
    if device != "cpu":
        unet.to(memory_format=torch.channels_last)  # which tensor cores take without copies
        return
    # On CPU the plain processor is faster at such short sequences: 162 images/s in training, 100 with PyTorch's fused
    # attention, whose backward pass takes a third of a step (measured). Channels last would slow the UNet down.
    text_encoder.set_attn_implementation("eager")
    unet.set_attn_processor(AttnProcessor())
    vae.set_attn_processor(AttnProcessor())
    for attention in (module for module in unet.modules() if isinstance(module, Attention)):
        # A row of 24 bf16 scores does not fill a vector register: softmax is five times faster in fp32 (measured).
        attention.upcast_softmax = True


def check(folder: Path) -> None:
    """See `BaseModelModule.check`."""
    for file in sorted(folder.rglob("*")):
        if file.suffix in artifacts.PICKLES:
            name = file.relative_to(folder)
            raise ValueError(f"{folder}: holds the pickle {name}, which may run code; keep *.safetensors only")
    for part, alternatives in PARTS.items():
        if any(all(any((folder / part).glob(pattern)) for pattern in patterns) for patterns in alternatives):
            continue
        missing = next(pattern for pattern in alternatives[0] if not any((folder / part).glob(pattern)))
        others = ", ".join(f"{name}/" for name in PARTS if name != ".")
        raise ValueError(
            f"{folder}: not a base model, lacks {Path(part, missing)}; a StableDiffusionPipeline folder holds "
            f"model_index.json, {others}"
        )
    _check_value(folder / "model_index.json", "_class_name", ("StableDiffusionPipeline",))
    _check_value(folder / "scheduler" / "scheduler_config.json", "prediction_type", ("epsilon", "v_prediction"))


def _check_value(file: Path, key: str, valid: Sequence[str]) -> None:
    try:
        value = json.loads(file.read_bytes()).get(key, valid[0])
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{file}: not a JSON object ({error}); copy the folder again") from error
    if value not in valid:
        raise ValueError(f"{file}: {key} is {value!r}, expected {' or '.join(map(repr, valid))}")


def _load_part(kind: Any, folder: Path, device: str, dtype: "torch.dtype") -> Any:
    """One network of the pipeline, frozen. Missing weights are an error; the libraries would fill in noise and warn."""
    plain = any(path.suffixes == [".safetensors"] for path in folder.glob("*.safetensors"))
    name_of_dtype = "dtype" if kind.__module__.startswith("transformers") else "torch_dtype"
    with naming(folder):
        network, report = kind.from_pretrained(
            folder,
            variant=None if plain else "fp16",
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **{name_of_dtype: dtype},
        )
    if report["missing_keys"]:
        raise ValueError(f"{folder}: the weights lack {sorted(report['missing_keys'])[0]!r}; copy the folder again")
    return network.requires_grad_(False).eval().to(device)
