"""What compressing costs, measured on models of the tiny base model whose changes have a known rank."""

import json
import sys

import numpy as np
import pytest

from workflow_scripts import artifacts
from workflow_scripts.customization.bank.stacked import projections
from workflow_scripts.steps import measure_low_rank

SAMPLING = {
    "scheduler": "dpmsolver++",
    "steps": 3,
    "guidance": 3.0,
    "samples_per_prompt": 2,
    "batch": 4,
    "precision": "fp32",
    "version": 1,
}


def write_model(base, file, singular_values):
    """A model all of whose changes have these singular values."""
    rng = np.random.default_rng(3)
    weights = {"<new1>": rng.normal(size=16).astype(np.float32)}
    for path, layer in projections(base.unet).items():
        u, v = (np.linalg.qr(rng.normal(size=(n, len(singular_values))))[0] for n in layer.weight.shape)
        weights[f"{path}.delta"] = ((u * singular_values) @ v.T).astype(np.float32)
    artifacts.write_tensors(file, weights, {}, sidecar=False)


@pytest.fixture
def measure(base, base_folder, tmp_path, monkeypatch):
    """Writes two models, of one case each, and measures."""

    def run():
        models = []
        for case, values in {"pets": [6, 3, 1], "toys": [5, 3, 2]}.items():
            manifest = tmp_path / case / "test_0000.json"
            artifacts.write_json(manifest, {"case": case})
            if not (tmp_path / case / "m_0000.safetensors").exists():
                write_model(base, tmp_path / case / "m_0000.safetensors", values)
            prompts = ["a picture of a {subject}", "the {subject}"]
            models.append({"case": case, "model": "m_0000", "class_word": "cat", "prompts": prompts})
        settings = {
            **{"study": "test", "seed": 0, "models": models, "sampling": SAMPLING},
            **{"base_model": {"name": "diffusers_sd"}, "customization": "custom_diffusion"},
            "encoder": {"name": "pixels", "settings": {"size": 16, "version": 1}},
        }
        output, page = tmp_path / "low_rank.json", tmp_path / "low_rank.md"
        manifests = [str(tmp_path / case / "test_0000.json") for case in ("pets", "toys")]
        flags = [f"--base-model={base_folder}", "--models", *manifests, f"--output={output}", f"--page={page}"]
        monkeypatch.setattr(sys, "argv", ["step", *flags, f"--settings={json.dumps(settings)}"])
        measure_low_rank.main()
        return artifacts.read_json(output), page.read_text()

    return run


def test_each_ratio_has_its_size_rank_error_and_distance(measure, base):
    costs, page = measure()
    full, most, less, least = costs["ratios"]
    assert [row["ratio"] for row in costs["ratios"]] == [1.0, 0.6, 0.4, 0.1]
    assert [row["rank_mean"] for row in costs["ratios"]] == [16, 1.5, 1, 1]  # 5 is only half of 10
    # The errors: without 3 and 1 of 6, 3, 1, and without 2, or 3 and 2, of 5, 3, 2.
    assert most["relative_error"] == pytest.approx(((10 / 46) ** 0.5 + (4 / 38) ** 0.5) / 2, rel=1e-5)
    assert less["relative_error"] == pytest.approx(((10 / 46) ** 0.5 + (13 / 38) ** 0.5) / 2, rel=1e-5)
    entries = sum(layer.weight.numel() for layer in projections(base.unet).values())
    sides = sum(sum(layer.weight.shape) for layer in projections(base.unet).values())
    assert full["size_mb"] == pytest.approx((entries + 16) * 4e-6)
    assert most["size_mb"] == pytest.approx((1.5 * sides + 16) * 4e-6)
    assert full["distance"] == pytest.approx(0, abs=1e-6) and full["relative_error"] == 0
    assert 1e-4 < most["distance"] < less["distance"] == least["distance"]
    assert costs["two_seeds"] > 1e-3

    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| ")]
    assert [line[0] for line in lines[2:]] == ["100%", "60%", "40%", "10%"]
    assert lines[2][2:] == ["16.0", "0.0%", "0.0000"]
    assert "2 test models of `test`, 2 prompts each, features of `pixels`" in page


def test_models_that_are_compressed_already_are_refused(measure, tmp_path):
    artifacts.write_tensors(tmp_path / "toys/m_0000.safetensors", {"a.delta.u": np.zeros((2, 1), np.float32)}, {})
    with pytest.raises(ValueError, match=r"m_0000.safetensors: holds a.delta.u, expected full changes .delta; make"):
        measure()
