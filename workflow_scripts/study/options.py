"""Keys that several plug-ins share. The Snakefile reads them, so this module needs no heavy import.

A plug-in with these keys and no others imports the class `as Settings`; one with more keys extends it. See `plugins`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Precision = Annotated[
    Literal["auto", "fp32", "bf16"],
    Meta(description="Arithmetic of the network; auto is bf16 where the hardware is fast at it, else fp32."),
]


@dataclass(frozen=True)
class Weights:
    """Keys of an encoder that reads its weights from a file or folder."""

    path: Annotated[str, Meta(description="File or folder of the weights; the module says which.")]
    precision: Precision


@dataclass(frozen=True)
class PublishedWeights(Weights):
    """Keys of an encoder with published weights."""

    sha256: Annotated[
        Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None,
        Meta(description="SHA-256 of the weights, checked before they are opened; null only for weights of your own."),
    ]


@dataclass(frozen=True)
class Contrastive:
    """Keys of a head that learns contrastively."""

    temperatures: Annotated[
        tuple[Positive, ...],
        Meta(
            min_length=1,
            extra_json_schema={"uniqueItems": True},
            description="nu of NT-Xent; the one with the best mAP on val is kept.",
        ),
    ]
    learning_rate: Annotated[Positive, Meta(description="Peak rate of AdamW; it follows a cosine.")]
    ridge: Annotated[NotNegative, Meta(description="Weight decay towards the identity, or of an MLP towards zero.")]
    batch: Annotated[int, Meta(ge=2, description="Most models per batch; each gives one exemplar and one sample.")]
    epochs: Annotated[Count, Meta(description="Most passes over the samples.")]
    patience: Annotated[Count, Meta(description="Stop after so many epochs without a better mAP on val.")]


@dataclass(frozen=True)
class TopK:
    """Keys of an attribution method."""

    top_k: Annotated[Count, Meta(description="How many of the best candidates of a sample to keep.")]


@dataclass(frozen=True)
class Customization:
    """Keys of a customization that the rule `finetune` itself reads."""

    models_per_batch: Annotated[
        Count, Meta(description="Models that are trained at once; memory and speed depend on it, but no result.")
    ]
    precision: Precision
