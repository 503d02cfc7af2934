"""Lineage: a sample is followed back to its exemplars, link by link; a link that does not fit is refused by name."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workflow_scripts import artifacts
from workflow_scripts.commands import lineage as step
from workflow_scripts.reporting import lineage

ORIGIN = {"source": "noto-1f600", "author": "A. Artist", "licence": "CC0-1.0"}


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The file of a model's samples, in a study of one model with two exemplars."""
    exemplars = pd.DataFrame([{"model": "cat_0000", "k": k, "sha256": f"hash {k}", **ORIGIN} for k in (1, 0)])
    artifacts.write_table(tmp_path / "exemplars/x.parquet", exemplars, {})
    tuning = {"losses": [0.5, 0.36, 0.1], "loss": {"first": 0.5, "last": 0.1}}
    made = {"settings": {"prompt": "<new1> cat"}, "inputs": {"exemplars": ["hash 0", "hash 1"]}, **tuning}
    weights = tmp_path / "models/x/cat_0000.safetensors"
    artifacts.write_tensors(weights, {"token": np.zeros(2)}, made)
    table = pd.DataFrame(
        [{"prompt": f"a <new1> cat {p}", "prompt_index": p, "index": i} for p in (0, 1) for i in (0, 1)]
    )
    table = table.assign(model="cat_0000", prompt_set="llm", seed=range(4))
    file = tmp_path / "samples/x/cat_0000.llm.parquet"
    artifacts.write_table(file, table, {"inputs": {"model": artifacts.file_hash(weights)}})
    models = [
        {"model": "cat_0000", "prompt_set": "llm", "file": file.name, "sha256": artifacts.file_hash(file), "n": 4}
    ]
    artifacts.write_json(file.with_name("test_0000.json"), {"study": "s", "case": "x", "models": models})
    (tmp_path / "features/pixels").mkdir(parents=True)
    return file


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> None:
    monkeypatch.setattr(sys, "argv", ["lineage", *map(str, arguments)])
    step.main()


def test_a_sample_is_followed_to_its_exemplars(sample: Path):
    found = lineage.trace(lineage.find_manifest(sample), sample, 1, 0, ["pixels"])
    assert (found.prompt, found.seed, found.tuning_prompt) == ("a <new1> cat 1", 2, "<new1> cat")
    assert (found.first_loss, found.last_loss, found.losses) == (0.5, 0.1, [0.5, 0.36, 0.1])
    assert [origin.sha256 for origin in found.exemplars] == ["hash 0", "hash 1"]
    assert found.exemplars[1].author == "A. Artist"
    assert [command.partition(" -- ")[2] for command in found.commands] == [
        "results/s/exemplars/x.parquet",
        "results/s/models/x/test_0000.json",
        "results/s/samples/x/test_0000.json",
        "results/s/features/pixels/samples/x/test_0000.safetensors",
    ]


def test_it_is_printed_as_text_and_as_json(sample: Path, monkeypatch, capsys):
    run(monkeypatch, sample, "--index", "1")
    text = capsys.readouterr().out
    assert "cat_0000/1  noto-1f600, CC0-1.0, A. Artist" in text
    assert "loss 0.5000 -> 0.1000 in 3 steps\n  █▆▁\n" in text
    run(monkeypatch, sample, "--json")
    assert json.loads(capsys.readouterr().out)["exemplars"][0] == {"name": "cat_0000/0", "sha256": "hash 0", **ORIGIN}


@pytest.mark.parametrize(
    ("key", "name"), [("case", "../../x"), ("study", "s; rm -rf ~"), ("study", None), ("case", "/")]
)
def test_no_name_of_others_becomes_a_path_elsewhere_or_a_command(sample: Path, key: str, name: str | None):
    manifest = lineage.find_manifest(sample)
    artifacts.write_json(manifest, {**artifacts.read_json(manifest), key: name})
    with pytest.raises(ValueError, match=r"test_0000\.json: .* is no name of a study, case or model"):
        lineage.trace(manifest, sample, 0, 0, [])


def test_a_missing_row_or_file_is_named(sample: Path):
    manifest = lineage.find_manifest(sample)
    with pytest.raises(ValueError, match="no image 7 of prompt 0; prompts are 0 to 1, images 0 to 1"):
        lineage.trace(manifest, sample, 0, 7, [])
    with pytest.raises(ValueError, match=r"dog.llm.parquet: no such file; samples are results/"):
        lineage.find_manifest(sample.with_name("dog.llm.parquet"))
    with pytest.raises(ValueError, match="is listed in no manifest"):
        lineage.find_manifest(manifest)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("models/x/cat_0000.safetensors", "weights are missing; make them: snakemake .* results/s/models/x/test_0000"),
        ("exemplars/x.parquet", "exemplars are missing; make them: snakemake .* results/s/exemplars/x.parquet"),
    ],
)
def test_missing_links_are_named_with_the_remedy(sample: Path, file: str, message: str):
    (sample.parents[2] / file).unlink()
    with pytest.raises(ValueError, match=f"{file}: the {message}"):
        lineage.trace(lineage.find_manifest(sample), sample, 0, 0, [])


def test_links_that_do_not_fit_are_refused(sample: Path):
    folder, manifest = sample.parents[2], lineage.find_manifest(sample)
    exemplars = artifacts.read_table(folder / "exemplars/x.parquet")
    artifacts.write_table(folder / "exemplars/x.parquet", exemplars.assign(sha256="other"), {})
    with pytest.raises(ValueError, match="not the exemplars that model 'cat_0000' was tuned on"):
        lineage.trace(manifest, sample, 0, 0, [])
    artifacts.write_tensors(folder / "models/x/cat_0000.safetensors", {"token": np.ones(2)}, {})
    with pytest.raises(ValueError, match=r"not the weights that .*cat_0000.llm.parquet was sampled from"):
        lineage.trace(manifest, sample, 0, 0, [])


def test_lines_of_losses_by_hand():
    assert lineage.bars([0, 1, 2, 3.5, 7]) == "▁▂▃▅█"
    assert lineage.bars([3, 3]) == "▁▁" and lineage.bars([]) == ""
    assert lineage.sparkline([3, 1, 2], 100, 40) == "0.0,0.0 50.0,40.0 100.0,20.0"
