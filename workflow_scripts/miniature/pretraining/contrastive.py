"""The miniature's CLIP: image and text towers of open_clip, trained on composed pictures and their captions.

Its captions say what is drawn, on what background, and in which style and medium. They have no words for single
drawings, as the captions of a real CLIP have none for single images.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from transformers import PreTrainedTokenizerBase

from workflow_scripts import devices
from workflow_scripts.miniature.corpus.scenes import SIZE
from workflow_scripts.miniature.pretraining import vocabulary

HEAD_WIDTH = 32  # of the text tower's attention
MEAN = STD = (0.5, 0.5, 0.5)
MAX_SCALE = float(np.log(100))  # of the logits, as CLIP's


def open_clip_config(settings: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """The contents of `open_clip_config.json`.

    Settings: `embed_dim`, `image_tower` (a timm model), `text_width` and `text_layers`.
    """
    image = {"image_size": SIZE, "timm_model_name": settings["image_tower"]}
    text = {
        "context_length": tokenizer.model_max_length,
        "vocab_size": len(tokenizer),
        "hf_tokenizer_name": "tokenizer of this folder",  # any name: open_clip looks into the folder
        "width": settings["text_width"],
        "heads": settings["text_width"] // HEAD_WIDTH,
        "layers": settings["text_layers"],
        "pool_type": "eos",
        "eos_id": tokenizer.eos_token_id,
    }
    return {
        "model_cfg": {"embed_dim": settings["embed_dim"], "vision_cfg": image, "text_cfg": text},
        "preprocess_cfg": {"size": SIZE, "mean": MEAN, "std": STD, "interpolation": "bicubic"},
    }


def tokenize(tokenizer: PreTrainedTokenizerBase, captions: Sequence[str]) -> torch.Tensor:
    """Token ids [n, l] of captions without their instance and group words."""
    plain = (vocabulary.NEW_WORD.sub("", caption) for caption in captions)
    return vocabulary.tokenize(tokenizer, (" ".join(caption.split()) for caption in plain))


class ContrastiveLoss:
    """CLIP's loss on a random batch of pictures [n, SIZE, SIZE, 3] and token ids of their captions [n, l]."""

    def __init__(self, model: open_clip.CLIP, images: np.ndarray, ids: torch.Tensor, batch: int) -> None:
        self.model, self.images, self.ids, self.batch = model, torch.from_numpy(images), ids, batch

    def __call__(self, step: int, generator: torch.Generator) -> torch.Tensor:
        rows = torch.randint(len(self.images), (self.batch,), generator=generator)
        pixels = (self.images[rows].permute(0, 3, 1, 2).float() / 255 - MEAN[0]) / STD[0]  # [b, 3, SIZE, SIZE]
        with devices.autocast("auto", "cpu"):
            pictures = self.model.encode_image(pixels.contiguous(memory_format=torch.channels_last))
            captions = self.model.encode_text(self.ids[rows])
        return clip_loss(pictures.float(), captions.float(), self.model.logit_scale)


def clip_loss(pictures: torch.Tensor, captions: torch.Tensor, log_scale: torch.Tensor) -> torch.Tensor:
    """Each of b pictures [b, d] must find its caption [b, d] among all, and each caption its picture."""
    scale = log_scale.clamp(max=MAX_SCALE).exp()
    logits = scale * F.normalize(pictures, dim=1) @ F.normalize(captions, dim=1).T  # [b, b]
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
