"""Golden values of the shipped base model: what one prompt draws, and how one customization goes.

python -m tests.golden.base_model     # records golden/base_model.json anew: after a new base model only
"""

import json
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
BASE_MODEL = ROOT / "data" / "base_model"
RECORD = Path(__file__).with_suffix(".json")
SAMPLING = {"scheduler": "dpmsolver++", "steps": 8, "guidance": 3.0}
PROMPT = "a picture of a strawberry on a blue background"


def measure() -> dict:
    """Mean colour of the four quarters of a sampled picture, and the losses of four steps of Custom Diffusion."""
    from workflow_scripts import plugins
    from workflow_scripts.customization import Task
    from workflow_scripts.ground_truth.denoising import denoise
    from workflow_scripts.study.settings.ground_truth import Course

    base = plugins.load("base_models", "diffusers_sd").load(BASE_MODEL, "cpu")
    states = base.text_encoder(base.tokenize(["", PROMPT])).last_hidden_state
    picture = base.decode(denoise(base, states, [7], Course(**SAMPLING)))[0].numpy()  # [64, 64, 3]
    quarters = picture.reshape(2, 32, 2, 32, 3).mean((1, 3)).reshape(4, 3)

    exemplar = np.zeros((64, 64, 3), np.uint8)
    exemplar[16:48, 16:48] = (220, 40, 40)
    prior = np.zeros((1, *base.latent_shape), np.float32), ["a picture of a strawberry"]
    task = Task("red-square", "<new1> strawberry", [exemplar], *prior, seed=3)
    plugin = plugins.load("customization", "custom_diffusion")
    (model,) = plugin.fine_tune(
        base, [task], "object", plugins.settings("customization", "custom_diffusion", _section())
    )
    return {"quarters": quarters.tolist(), "losses": model.losses}


def _section() -> dict:
    looks = [{"weight": 1, "scale": [1.0, 1.0], "words": {"object": ["a picture of a "], "style": [""]}}]
    return {
        "steps": 4, "views": 2, "prior_images": 0, "prior_weight": 0.0, "view_pool": 2, "learning_rate": 5e-3,
        "token_learning_rate": 2e-2, "betas": [0.9, 0.99], "weight_decay": 0.0, "max_grad_norm": None,
        "schedule": "cosine", "warmup_steps": 1, "initializer_token": {"object": "<instance>", "style": "<artist>"},
        "flip": 0.0, "looks": looks, "models_per_batch": 1, "precision": "fp32", "compile": False,
        "compression_ratio": 1.0,
    }  # fmt: skip


if __name__ == "__main__":
    RECORD.write_text(json.dumps({"command": "python -m tests.golden.base_model", **measure()}, indent=1) + "\n")
