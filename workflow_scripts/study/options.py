"""Keys that several plug-ins share. The Snakefile reads them, so this module needs no heavy import.

A plug-in with these keys and no others imports the class `as Settings`; one with more keys extends it. See `plugins`.
What types cannot say is checked in `__post_init__`, whose `ValueError` starts with the key.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
PAIR = Meta(min_length=2, max_length=2)
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


@dataclass(frozen=True)
class CustomDiffusion(Customization):
    """Of a customization that trains a bank of models as Custom Diffusion does."""

    @dataclass(frozen=True)
    class Look:
        """A size at which views show an exemplar."""

        @dataclass(frozen=True)
        class Words:
            """By kind of model."""

            object: Annotated[tuple[str, ...], Meta(min_length=1)]
            style: Annotated[tuple[str, ...], Meta(min_length=1)]

        weight: Annotated[NotNegative, Meta(description="How often it is drawn, relative to the others.")]
        scale: Annotated[
            tuple[Positive, ...],
            PAIR,
            Meta(description="Smallest and largest size: below 1 shrunk and pasted, above 1 zoomed and cropped."),
        ]
        words: Annotated[
            Words, Meta(description="Put before the prompt; one of the list for the kind of model is drawn.")
        ]

        def __post_init__(self) -> None:
            if self.scale[0] > self.scale[1]:
                raise ValueError(f"scale: {list(self.scale)}: expected the smallest size first")

    @dataclass(frozen=True)
    class InitializerToken:
        """By kind of model."""

        object: str
        style: str

    steps: Annotated[Count, Meta(description="Steps of training.")]
    views: Annotated[Count, Meta(description="Views of the exemplars per model and step.")]
    prior_images: Annotated[int, Meta(ge=0, description="Regularization images per model and step.")]
    prior_weight: Annotated[
        NotNegative,
        Meta(description="Prior preservation: loss = mean over views + this * mean over regularization images."),
    ]
    view_pool: Annotated[
        Count, Meta(description="Augmented views drawn and encoded per model beforehand, at least one per exemplar.")
    ]
    learning_rate: Annotated[Positive, Meta(description="Learning rate of W_k and W_v.")]
    token_learning_rate: Annotated[Positive, Meta(description="Learning rate of V*.")]
    betas: Annotated[
        tuple[Annotated[float, Meta(ge=0, lt=1)], ...], PAIR, Meta(description="Decay of AdamW's two moving averages.")
    ]
    weight_decay: Annotated[NotNegative, Meta(description="AdamW's, on the differences from the base model.")]
    max_grad_norm: Annotated[
        Positive | None, Meta(description="Clips the norm of each model's own gradient; null does not clip.")
    ]
    schedule: Annotated[Literal["cosine", "constant"], Meta(description="Learning rates after the warm-up.")]
    warmup_steps: Annotated[int, Meta(ge=0, description="Steps over which the learning rates rise.")]
    initializer_token: Annotated[
        InitializerToken,
        Meta(description="Word whose embedding V* starts from, per kind; one token of the base model's tokenizer."),
    ]
    flip: Annotated[float, Meta(ge=0, le=1, description="Probability of mirroring a view.")]
    looks: Annotated[
        tuple[Look, ...],
        Meta(min_length=1, description="Sizes at which views show an exemplar, and what the prompt says about them."),
    ]
    compile: Annotated[
        bool, Meta(description="Compile the network with torch.compile: faster steps after a minute of compiling.")
    ]
    compression_ratio: Annotated[
        Annotated[float, Meta(gt=0, le=1)],
        Meta(description="Share of the sum of its singular values that each change of W_k or W_v keeps in the file."),
    ]

    def __post_init__(self) -> None:
        if not any(look.weight for look in self.looks):
            raise ValueError("looks: every weight is 0, so none could be drawn")
