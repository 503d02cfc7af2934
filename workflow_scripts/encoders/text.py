"""The base model's text encoder on captions, without any image: how much can be attributed by the caption alone?

The caption of a sample is its prompt without V*, as only the model's owner knows V*; that of an exemplar or distractor
says what it shows. So all images of one thing have the same features, and the exemplar gets the last rank of a tie.
Each caption is encoded by itself: beside others, padding would change its features by rounding, and ties would be none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import torch
from msgspec import Meta

from workflow_scripts import devices
from workflow_scripts.base_models import naming
from workflow_scripts.customization import TOKEN

READS = "prompt"
PARTS = ("text_encoder", "tokenizer")
KNOWN = 65_536  # captions whose features are kept; those of samples and classes come again and again


@dataclass(frozen=True)
class Settings:
    """The section `encoders.text` of a study."""

    path: Annotated[str, Meta(description="Folder of a base model in the diffusers layout.")]


class Text:
    """The mean of a caption's last text states, without the start."""

    def __init__(self, network: torch.nn.Module, tokenizer: Any) -> None:
        self.network, self.tokenizer = network.eval().requires_grad_(False).to(devices.best()), tokenizer
        self.dim = network.config.hidden_size
        self._encode = lru_cache(KNOWN)(self._encode_one)

    def preprocess(self, captions: Sequence[str]) -> list[str]:
        """Captions without V*."""
        return [" ".join(caption.replace(TOKEN, " ").split()) for caption in captions]

    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """Encodes b captions to float32 [b, dim]."""
        return torch.stack([self._encode(caption) for caption in captions])

    @torch.inference_mode()
    def _encode_one(self, caption: str) -> torch.Tensor:
        tokens = self.tokenizer(caption, truncation=True, return_tensors="pt").to(self.network.device)
        states = self.network(**tokens).last_hidden_state.float()  # [1, l, dim]
        return states[0, 1:].mean(0).cpu()


def load(settings: Settings) -> Text:
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = Path(settings.path)
    for part in PARTS:
        if not (folder / part).is_dir():
            raise ValueError(f"{folder}: lacks {part}/; it must be a base model in the diffusers layout")
    encoder, tokenizer = (folder / part for part in PARTS)
    with naming(folder):
        network = CLIPTextModel.from_pretrained(encoder, use_safetensors=True, local_files_only=True)
        return Text(network, CLIPTokenizer.from_pretrained(tokenizer, local_files_only=True))
