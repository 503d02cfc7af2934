"""How much does the caption alone give away? The base model's text encoder on captions, which looks at no image.

A sample's caption is its prompt without V*, which nobody but the model's owner knows; that of an exemplar or distractor
says what it shows. So all pictures of one thing are alike, and a tie is the exemplar's loss.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from workflow_scripts import devices
from workflow_scripts.base_models import naming
from workflow_scripts.customization import TOKEN

SETTINGS = {
    "path": {"description": "Folder of a base model in the diffusers layout.", "type": "string"},
}
READS = "prompt"
PARTS = ("text_encoder", "tokenizer")


class Text:
    """Means of the last text states of captions, without start and padding."""

    reads = "caption"

    def __init__(self, network: torch.nn.Module, tokenizer: Any) -> None:
        self.network, self.tokenizer = network.eval().requires_grad_(False).to(devices.best()), tokenizer
        self.dim = network.config.hidden_size

    def preprocess(self, captions: Sequence[str]) -> list[str]:
        """Captions without V*."""
        return [" ".join(caption.replace(TOKEN, " ").split()) for caption in captions]

    @torch.inference_mode()
    def __call__(self, captions: Sequence[str]) -> torch.Tensor:
        """Encodes b captions to float32 [b, dim]."""
        tokens = self.tokenizer(captions, padding=True, truncation=True, return_tensors="pt").to(self.network.device)
        states = self.network(**tokens).last_hidden_state.float()  # [b, l, dim]
        words = tokens.attention_mask.clone()
        words[:, 0] = 0
        return ((states * words[..., None]).sum(1) / words.sum(1, keepdim=True)).cpu()


def load(settings: Mapping[str, Any]) -> Text:
    """See `EncoderModule.load`; settings: `path`."""
    from transformers import CLIPTextModel, CLIPTokenizer

    folder = Path(settings["path"])
    for part in PARTS:
        if not (folder / part).is_dir():
            raise ValueError(f"{folder}: lacks {part}/; it must be a base model in the diffusers layout")
    encoder, tokenizer = (folder / part for part in PARTS)
    with naming(folder):
        network = CLIPTextModel.from_pretrained(encoder, use_safetensors=True, local_files_only=True)
        return Text(network, CLIPTokenizer.from_pretrained(tokenizer, local_files_only=True))
