"""The authors' released test set: entries, images, samples, maps, calibrations, features and tables, read as ours."""

import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests import projects
from tests.unit import released
from tests.unit.released import MEDIA, OBJECTS
from tests.unit.test_bad_input import refused
from workflow_scripts import artifacts, heads
from workflow_scripts.evaluation.features import read_exemplars, read_samples
from workflow_scripts.exemplar_sources import EXEMPLAR_COLUMNS, abc_release
from workflow_scripts.ground_truth import shards
from workflow_scripts.heads import Head
from workflow_scripts.release import checkpoints, entries, results
from workflow_scripts.release import features as release_features
from workflow_scripts.release.images import exemplar_parts
from workflow_scripts.steps import (
    embed,
    import_distractors,
    import_exemplars,
    import_features,
    import_head,
    import_samples,
)
from workflow_scripts.study import checks
from workflow_scripts.study.schema import read_yaml
from workflow_scripts.study.study import Case

FILE = "observed_imagenet"
SHARD = {
    **{"study": "tiny", "seed": 0, "case": "bamfg", "kind": "style", "shard": "test_0000", "allow_missing": False},
    "models": ["bamfg_test_00000", "bamfg_test_00001"],
    "class_words": {"bamfg_test_00000": "art", "bamfg_test_00001": "art"},
    **{"release": 1, "prompts": {"llm": 2, "procedural": 2}, "samples_per_prompt": 4},
}
EXEMPLARS = {  # of the same models
    **{"study": "tiny", "seed": 0, "case": "bamfg", "kind": "style", "source": "abc_release", "allow_missing": True},
    "members": {"test": list(SHARD["class_words"].items())},
    **{"models_per_class": {"train": 0, "val": 0, "test": 1}, "numbered_from": {}, "set_sizes": [], "group_counts": {}},
    **{"data": 1, "release": 1},
}
HEAD = {"encoder": "pixels", "head": "linear", "training_set": "released"}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return released.make_release(tmp_path / "abc_release")


def objects() -> Case:
    words = dict(zip([name[:9] for name in OBJECTS], ["fish", "feline"], strict=True))
    counts = {"train": 0, "val": 0, "test": 1}
    return Case("imagenet_seen", "object", "abc_release", {"test": words}, counts, numbered_from={"test": 8})


def styles() -> Case:
    groups = dict.fromkeys(SHARD["models"], "art")
    return Case("bamfg", "style", "abc_release", {"test": groups}, {"train": 0, "val": 0, "test": 1})


def exemplars(release: Path, case: Case) -> pd.DataFrame:
    return pd.concat(abc_release.select(release, case, 0), ignore_index=True)


def run(main: Callable[[], None], settings: dict, **flags: object) -> None:
    arguments = [part for name, value in flags.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["step", *arguments, "--settings", json.dumps(settings)])
        main()


def test_an_entry_tells_exemplars_class_word_and_the_samples_of_each_prompt(release: Path):
    fish, cat = entries.read_entries(entries.json_of(release, "imagenet_seen"))
    assert (fish.class_id, fish.class_word, cat.class_word) == ("n01440764_0008", "fish", "cat")
    assert fish.exemplars == ("dataset/exemplar/imagenet/images/n01440764/ILSVRC2012_val_00000000.JPEG",)
    places = [(sample.prompt_index, sample.index) for sample in fish.samples["procedural"]]
    assert places == [(medium, i) for medium in MEDIA for i in range(4)]
    assert fish.samples["procedural"][6].path.endswith("media/n01440764_0008/samples/00030.png")
    assert [(s.prompt_index, s.index) for s in fish.samples["llm"]] == [(p, i) for p in (0, 1) for i in range(4)]


def test_each_case_of_the_paper_has_its_file(release: Path):
    names = ["imagenet_seen", "imagenet_unseen", "bamfg", "artchive"]
    files = [entries.json_of(release, name).name for name in names]
    wanted = ["test_observed_imagenet.json", "test_unobserved_imagenet.json", "test_bamfg.json", "test_artchive.json"]
    assert files == wanted


def test_the_vehicle_that_the_file_calls_exemplar_is_read_as_train_with_one_warning(
    release: Path, caplog: pytest.LogCaptureFixture
):
    values = released.read_json(release, FILE)
    for value in values:
        value["category"] = "exemplar"
    file = released.write_json(release, FILE, values)
    with caplog.at_level(logging.WARNING):
        assert [entry.class_word for entry in entries.read_entries(file)] == ["train", "train"]
    assert len(caplog.records) == 1
    assert "2 entries of category 'exemplar'" in caplog.text


def change(value: dict, **changes: object) -> dict:
    return value | changes


def sample_path(name: str) -> dict:
    return {"gpt": [name], "media": ["dataset/a/samples/00000.png"]}


SPOILT = {  # what becomes of the second entry, and what the error says after the file
    "no entry": (lambda value: "n01440764_0008", "entry 1: expected the keys category, class_id, "),
    "unknown key": (lambda value: change(value, prompts=[]), "entry 1: expected the keys category, class_id, "),
    "missing key": (lambda value: {"class_id": "a"}, "entry 1: expected the keys category, class_id, "),
    "no name": (lambda value: change(value, class_id=7), "entry 1: class_id: 7 is not a name"),
    "twice": (lambda value: change(value, class_id=OBJECTS[0]), "class_id 'n01440764_0008' is in 2 "),
    "category": (lambda value: change(value, category=7), "entry 1: category: 7 is neither a class word nor null"),
    "no exemplars": (lambda value: change(value, exemplar=[]), "entry 1: exemplar: expected a list of paths, it is []"),
    "unknown samples": (
        lambda value: change(value, synth={"gpt": ["a"], "sketch": ["b"]}),
        "entry 1: synth: expected gpt, and media or object, it has gpt, sketch",
    ),
    "outside": (
        lambda value: change(value, exemplar=["dataset/../../secret.png"]),
        "entry 1: exemplar: 'dataset/../../secret.png' is not in the release; expected a path that starts with ",
    ),
    "absolute": (
        lambda value: change(value, exemplar=["/etc/passwd"]), "entry 1: exemplar: '/etc/passwd' is not in the "
    ),
    "no number": (
        lambda value: change(value, synth=sample_path("dataset/a/samples/first.png")),
        "entry 1: synth.gpt: 'dataset/a/samples/first.png' is not a sample; expected a path that ends in samples/",
    ),
    "number twice": (
        lambda value: change(
            value,
            synth={"gpt": ["dataset/a/samples/0.png", "dataset/b/samples/00.png"], "media": ["dataset/samples/1.png"]},
        ),
        "entry 1: synth.gpt: two samples with number 0: 'dataset/a/samples/0.png' and 'dataset/b/samples/00.png'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", SPOILT)
def test_a_file_of_another_shape_is_refused_by_entry_and_key(mistake: str, release: Path):
    spoil, says = SPOILT[mistake]
    first, second = released.read_json(release, FILE)
    file = released.write_json(release, FILE, [first, spoil(second)])
    with pytest.raises(ValueError) as caught:
        entries.read_entries(file)
    assert str(caught.value).startswith(f"{file}: {says}")


def test_exemplars_keep_their_bytes_and_say_where_they_are_from(release: Path):
    table = exemplars(release, objects())
    assert list(table.columns) == list(EXEMPLAR_COLUMNS)
    assert list(table["model"]) == list(OBJECTS)
    assert list(table["class"]) == ["n01440764", "n02123045"]
    assert list(table["class_word"]) == ["fish", "cat"]  # as the samples were made, whatever the study's list says
    for row in table.itertuples():
        assert row.image == (release / row.source).read_bytes()
        assert row.sha256 == hashlib.sha256(row.image).hexdigest()


def test_a_picture_of_a_kind_that_encoders_refuse_becomes_rgb(release: Path):
    path = released.read_json(release, FILE)[0]["exemplar"][0]
    released.put(release, path, released.picture(0, "JPEG", "CMYK"))
    image = exemplars(release, objects())["image"][0]
    assert artifacts.open_image(image, "exemplar").mode == "RGB"


def test_a_model_that_the_release_lacks_is_named(release: Path):
    with pytest.raises(ValueError, match="lacks 1 of 2 models of bamfg, such as bamfg_test_00002; its 2 "):
        entries.read_models(release, "bamfg", ["bamfg_test_00000", "bamfg_test_00002"])


def test_samples_are_written_as_rule_sample_does_with_their_bytes(release: Path, tmp_path: Path):
    manifest = tmp_path / "samples/bamfg/test_0000.json"
    run(import_samples.main, SHARD, release=release, output=manifest)
    listed = json.loads(manifest.read_text())["models"]
    assert [(entry["model"], entry["prompt_set"], entry["n"]) for entry in listed] == [
        (model, prompt_set, 8) for model in SHARD["models"] for prompt_set in ("llm", "procedural")
    ]
    second = artifacts.read_table(manifest.parent / "bamfg_test_00001.procedural.parquet")
    assert list(second["prompt_index"]) == [0] * 4 + [1] * 4
    assert list(second["index"]) == [0, 1, 2, 3] * 2
    assert second["prompt"][5] == "procedural prompt 1"
    paths = released.read_json(release, "bamfg")[1]["synth"]["object"]
    assert list(second["image"]) == [(release / path).read_bytes() for path in paths]
    assert all(artifacts.file_hash(manifest.parent / entry["file"]) == entry["sha256"] for entry in listed)


def test_only_what_is_not_there_or_has_changed_is_imported_again(release: Path, tmp_path: Path):
    manifest = tmp_path / "samples/bamfg/test_0000.json"
    run(import_samples.main, SHARD, release=release, output=manifest)
    before = {file: file.stat().st_mtime_ns for file in manifest.parent.glob("*.parquet")}
    (manifest.parent / "bamfg_test_00000.llm.parquet").unlink()
    released.put(release, released.read_json(release, "bamfg")[1]["synth"]["gpt"][0], released.picture(77))
    run(import_samples.main, SHARD, release=release, output=manifest)
    made = {file.name for file, time in before.items() if file.stat().st_mtime_ns != time}
    assert made == {"bamfg_test_00000.llm.parquet", "bamfg_test_00001.llm.parquet"}


def test_a_second_worker_on_a_shard_is_refused(release: Path, tmp_path: Path):
    manifest = tmp_path / "samples/bamfg/test_0000.json"
    with shards.locked(manifest), pytest.raises(ValueError, match="this shard is being made by"):
        run(import_samples.main, SHARD, release=release, output=manifest)


def test_missing_samples_are_one_error_with_their_number_and_the_first_names(release: Path, tmp_path: Path):
    paths = released.read_json(release, "bamfg")[1]["synth"]["gpt"]
    for path in paths[:6]:
        (release / path).unlink()
    manifest = tmp_path / "samples/bamfg/test_0000.json"
    manifest.parent.mkdir(parents=True)
    error = refused(import_samples.main, tmp_path, settings=SHARD, release=release, output=manifest)
    assert error == (
        f"error: {release}: 6 samples are missing: {', '.join(sorted(paths)[:5])} ...; "
        "see docs/release.md, or evaluate the others with allow_missing=true, which lists all of these in "
        "report/missing.json"
    )
    run(import_samples.main, SHARD | {"allow_missing": True}, release=release, output=manifest)
    assert artifacts.read_json(manifest)["missing"] == sorted(paths[:6])
    table = artifacts.read_table(manifest.parent / "bamfg_test_00001.llm.parquet")
    assert list(zip(table["prompt_index"], table["index"], strict=True)) == [(1, 2), (1, 3)]


def test_a_model_without_one_of_its_exemplars_is_left_out_whole(release: Path, tmp_path: Path):
    (release / released.read_json(release, "bamfg")[1]["exemplar"][2]).unlink()
    manifest = tmp_path / "samples/bamfg/test_0000.json"
    with pytest.raises(ValueError, match=r"1 exemplars are missing: dataset/exemplar/bamfg/images/103946_0/2\.jpg;"):
        run(import_samples.main, SHARD, release=release, output=manifest)
    run(import_samples.main, SHARD | {"allow_missing": True}, release=release, output=manifest)
    assert {entry["model"] for entry in json.loads(manifest.read_text())["models"]} == {"bamfg_test_00000"}


@pytest.mark.parametrize("broken", ["cut", "tiny", "a page"])
def test_an_image_that_encoders_cannot_read_is_named_by_its_path_and_taken_once_it_is_mended(
    broken: str, release: Path, tmp_path: Path
):
    sample = released.read_json(release, "bamfg")[1]["synth"]["gpt"][3]
    exemplar = released.read_json(release, "bamfg")[0]["exemplar"][1]
    spoil = {
        "cut": lambda data: data[:-200],
        "tiny": lambda data: artifacts.encode_png(np.zeros((4, 4, 3), np.uint8)),
        "a page": lambda data: b"<!DOCTYPE html><html>Quota exceeded</html>",
    }
    whole = {path: (release / path).read_bytes() for path in (sample, exemplar)}
    for path, data in whole.items():
        released.put(release, path, spoil[broken](data))
    manifest, features = tmp_path / "samples/bamfg/test_0000.json", tmp_path / "features.safetensors"
    with pytest.raises(ValueError, match=rf"1 of 2 models failed, .*: bamfg_test_00001: {release / sample}: "):
        run(import_samples.main, SHARD, release=release, output=manifest)
    with pytest.raises(ValueError, match=rf"^{release / exemplar}: "):
        exemplars(release, styles())
    for path, data in whole.items():
        released.put(release, path, data)
    run(import_samples.main, SHARD, release=release, output=manifest)
    run(embed.main, {"size": 4, "version": 1}, encoder="pixels", samples=manifest, output=features)
    assert exemplars(release, styles())["image"][1] == whole[exemplar]


def test_a_shard_without_any_complete_model_has_no_samples_and_no_features(release: Path, tmp_path: Path):
    for entry in released.read_json(release, "bamfg"):
        (release / entry["exemplar"][0]).unlink()
    manifest, features = tmp_path / "samples/bamfg/test_0000.json", tmp_path / "features.safetensors"
    run(import_samples.main, SHARD | {"allow_missing": True}, release=release, output=manifest)
    assert artifacts.read_json(manifest)["models"] == []
    run(embed.main, {"size": 4, "version": 1}, encoder="pixels", samples=manifest, output=features)
    assert artifacts.read_tensors(features) == {}
    with pytest.raises(
        ValueError, match=r"no model of bamfg has all its exemplars; .*, or take bamfg out of the study"
    ):
        list(exemplar_parts(release, styles(), {}))


def test_an_image_that_arrives_while_a_step_runs_is_missing_to_its_end(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    entry = released.read_json(release, "bamfg")[0]
    exemplar, sample = entry["exemplar"][0], entry["synth"]["gpt"][0]
    late, is_file = [], Path.is_file

    def arriving(path: Path) -> bool:
        if path in late:
            late.remove(path)
            return False
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", arriving)
    table, manifest = tmp_path / "exemplars/bamfg.parquet", tmp_path / "samples/bamfg/test_0000.json"
    late.append(release / exemplar)
    run(import_exemplars.main, EXEMPLARS, release=release, output=table)
    assert artifacts.read_provenance(table)["missing"] == [exemplar]
    assert set(artifacts.read_table(table)["model"]) == {"bamfg_test_00001"}
    late.append(release / sample)
    run(import_samples.main, SHARD | {"allow_missing": True}, release=release, output=manifest)
    assert artifacts.read_json(manifest)["missing"] == [sample]
    assert len(artifacts.read_table(manifest.parent / "bamfg_test_00000.llm.parquet")) == 7


def test_a_release_of_another_size_than_the_study_counts_is_refused(release: Path, tmp_path: Path):
    with pytest.raises(ValueError, match=r"101549_0 \(model bamfg_test_00000\): 8 samples of llm, but the study has 3"):
        run(
            import_samples.main,
            SHARD | {"prompts": {"llm": 3, "procedural": 2}},
            release=release,
            output=tmp_path / "a",
        )


MISTAKES = {  # what is written into the study, and what it must answer
    "base model": (
        lambda study: study.update(base_model={"name": "a", "path": "b", "revision": None, "version": 1}),
        "customization: missing key (",
    ),
    "files of no encoder": (
        lambda study: study["encoders"].pop("sscd"),
        "release.encoders.sscd: no encoder of the study; encoders: dino_vitb16, clip_vit_b32, moco_v3_vitb, ",
    ),
    "another head": (
        lambda study: study["heads"].update(mlp={"version": 1}),
        "heads.mlp: no such head was released; there are identity and linear",
    ),
    "models of train": (
        lambda study: study["cases"]["imagenet_seen"].update(models_per_class={"train": 8, "test": 1}),
        "cases.imagenet_seen: it has models of split 'train', but only those of test were released",
    ),
    "samples of train": (
        lambda study: study["evaluation"].update(splits=["train", "test"]),
        "evaluation.splits: 'train', but only test was released",
    ),
    "missing in between": (
        lambda study: study.update(allow_missing="some"), "allow_missing: 'some' is not one of [True, False, 'true', ",
    ),
    "a misspelt file": (
        lambda study: study["release"]["encoders"]["sscd"].update(maper="a"),
        "release.encoders.sscd.maper: unknown key, did you mean 'mapper'?; valid keys: mapper, calibrator, distractors",
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_study_of_a_release_is_named(mistake: str):
    spoil, says = MISTAKES[mistake]
    study = read_yaml(projects.ROOT / "config/studies/abc_release.yaml")
    spoil(study)
    with pytest.raises(ValueError) as caught:
        checks.load_study(study, projects.ROOT)
    assert f"config/studies/abc_release.yaml with --config: {says}" in str(caught.value)


def import_the_head(folder: Path, mapper: Path | None, calibrator: Path | None, name: str = "linear") -> tuple:
    files = {"output": folder / "h.safetensors", "history": folder / "h.csv", "calibration": folder / "h.json"}
    given = {key: value for key, value in {"mapper": mapper, "calibrator": calibrator}.items() if value}
    run(import_head.main, HEAD | {"head": name}, **files, **given)
    return heads.read_head(files["output"], "pixels"), json.loads(files["calibration"].read_text())


def test_maps_come_over_bit_for_bit_and_apply_as_the_authors_apply_them(tmp_path: Path):
    saved = released.save_mapper(tmp_path / "pixels_tuned.pth", 12)
    calibrator = released.save_calibrator(tmp_path / "calibrator.pth", 0.0619, 0.0385)
    head, fitted = import_the_head(tmp_path, tmp_path / "pixels_tuned.pth", calibrator)
    for side, name in (("exemplar", "real_mapper"), ("sample", "synth_mapper")):
        for part in ("weight", "bias"):
            assert np.array_equal(head.tensors[f"{side}.{part}"], saved[name][part].numpy())
    raw = 9 * torch.randn(5, 12)
    theirs = torch.nn.functional.normalize(torch.nn.functional.linear(raw, **saved["real_mapper"]), dim=-1)
    assert heads.project(head, "exemplar", raw.numpy()) == pytest.approx(theirs.numpy(), abs=1e-6)
    of_length_1 = heads.project(Head("linear", head.tensors), "exemplar", raw.numpy())
    assert not np.allclose(of_length_1, theirs.numpy(), atol=1e-3), "the bias must show which length is right"
    assert (fitted["tau"], fitted["lambda"]) == pytest.approx((0.0619, 0.0385), rel=1e-6)
    assert fitted["fitted"]


def test_the_untuned_head_says_that_its_calibration_is_not_fitted(tmp_path: Path):
    head, fitted = import_the_head(tmp_path, None, None, "identity")
    assert (head.name, dict(head.tensors)) == ("identity", {})
    assert (fitted["tau"], fitted["lambda"], fitted["fitted"]) == (1.0, 0.0, False)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"mapper": {}}, "expected the entries real_mapper, synth_mapper, it has mapper"),
        ({"real_mapper": {"weights": 1}, "synth_mapper": {}}, "real_mapper: expected weight and bias of a linear map"),
        (
            {name: {"weight": torch.eye(3)[:2], "bias": torch.zeros(3)} for name in ("real_mapper", "synth_mapper")},
            "exemplar.weight has shape [2, 3], expected [3, 3]",
        ),
        (
            {name: {"weight": torch.eye(2) / 0, "bias": torch.zeros(2)} for name in ("real_mapper", "synth_mapper")},
            "real_mapper.weight: holds NaN or infinity",
        ),
        (print, "cannot be read as weights, and no code in it is run ("),  # code in a pickle
    ],
)
def test_a_file_of_other_maps_is_refused(content: object, says: str, tmp_path: Path):
    file = released.save(tmp_path / "mapper.pth", content)
    with pytest.raises(ValueError) as caught:
        checkpoints.read_mapper(file)
    assert str(caught.value).startswith(f"{file}: {says}")


@pytest.mark.parametrize(
    ("inverse", "bias", "says"), [(-1, 0, "inv_tau is -1"), (1, -1000, "bias is -1000, expected more than -1000")]
)
def test_a_calibration_that_is_none_is_refused(inverse: float, bias: float, says: str, tmp_path: Path):
    content = {"inv_tau": torch.tensor(float(inverse)), "bias": torch.tensor(float(bias))}
    file = released.save(tmp_path / "calibrator.pth", content)
    with pytest.raises(ValueError, match=f"{file}: {says}"):
        checkpoints.read_calibrator(file)


def test_what_the_authors_code_accepts_is_accepted_with_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    content = {"inv_tau": torch.tensor(1 / 0.05), "bias": torch.tensor(20.0), "epoch": 7}
    fitted = checkpoints.read_calibrator(released.save(tmp_path / "calibrator.pth", content))
    assert (fitted.tau, fitted.lam) == pytest.approx((0.05, -0.02))
    mapper = tmp_path / "mapper.pth"
    released.save(mapper, {**released.save_mapper(mapper, 3), "optimizer": {}})
    assert checkpoints.read_mapper(mapper).keys() == {
        f"{side}.{part}" for side in ("exemplar", "sample") for part in ("weight", "bias")
    }
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/calibrator.pth: epoch is not used, only bias, inv_tau",
        f"{tmp_path}/calibrator.pth: bias is 20, so lambda is -0.02: every candidate gets some influence",
        f"{mapper}: optimizer is not used, only real_mapper, synth_mapper",
    ]


def test_the_distractors_features_come_over_bit_for_bit(tmp_path: Path):
    saved = released.save_laion(tmp_path / "laion_subset.pth", 12)
    table, output = tmp_path / "distractors.parquet", tmp_path / "distractors.safetensors"
    run(import_distractors.main, {"study": "tiny", "count": 50, "release": 1}, features=tmp_path / "laion_subset.pth",
        release=tmp_path, output=table)  # fmt: skip
    run(import_features.main, {"encoder": "pixels"}, features=tmp_path / "laion_subset.pth", distractors=table,
        output=output)  # fmt: skip
    assert artifacts.read_table(table, ["id", "class"])["id"].tolist() == saved["paths"]
    assert artifacts.read_tensors(output)["features"].tobytes() == saved["feats"].numpy().tobytes()
    again = {"feats": saved["feats"].flip(0), "paths": saved["paths"][::-1]}
    run(import_features.main, {"encoder": "pixels"}, features=released.save(tmp_path / "b.pth", again),
        distractors=table, output=output)  # fmt: skip
    assert artifacts.read_tensors(output)["features"].tobytes() == saved["feats"].numpy().tobytes()


def test_a_release_of_fewer_distractors_than_the_study_counts_is_refused(tmp_path: Path):
    file = tmp_path / "laion_subset.pth"
    released.save_laion(file, 3)
    settings = {"study": "tiny", "count": 60, "release": 1}
    error = refused(
        import_distractors.main, tmp_path, settings=settings, features=file, release=tmp_path, output=tmp_path / "d"
    )
    assert error == f"error: {file}: 50 images, but distractors.count is 60"


def test_distractors_come_with_their_images_for_an_encoder_without_released_features(tmp_path: Path):
    file, table = tmp_path / "laion_subset.pth", tmp_path / "distractors.parquet"
    paths = released.save_laion(file, 3)["paths"]
    pictures = [released.put(tmp_path, path, released.picture(i)) for i, path in enumerate(paths)]
    settings = {"study": "tiny", "count": 50, "release": 1, "images": True}
    run(import_distractors.main, settings, features=file, release=tmp_path, output=table)
    rows = artifacts.read_table(table)
    assert [rows["id"].tolist(), rows["image"].tolist()] == [
        paths,
        [(tmp_path / path).read_bytes() for path in pictures],
    ]
    (tmp_path / paths[7]).unlink()
    error = refused(import_distractors.main, tmp_path, settings=settings, features=file, release=tmp_path, output=table)
    assert error == (
        f"error: {tmp_path}: 1 of 50 distractors are missing: {paths[7]} ...; an encoder without released features "
        "needs them all, see docs/release.md"
    )


def test_a_cases_features_come_over_bit_for_bit_in_our_order(release: Path, tmp_path: Path):
    values = released.read_json(release, "bamfg")
    saved = released.save_case(tmp_path / "test_bamfg.pth", values, 12)
    manifest, parquet = tmp_path / "samples/test_0000.json", tmp_path / "bamfg.parquet"
    run(import_samples.main, SHARD, release=release, output=manifest)
    artifacts.write_table(parquet, exemplars(release, styles()), {})
    settings, files = {"encoder": "pixels"}, {}
    for flag, source in {"samples": manifest, "exemplars": parquet}.items():
        files[flag] = tmp_path / f"{flag}.safetensors"
        flags = {"features": tmp_path / "test_bamfg.pth", flag: source, "release": release, "output": files[flag]}
        run(import_features.main, settings, **flags)
    own = read_exemplars([parquet], [files["exemplars"]], "pixels")
    assert own.features.tobytes() == saved["exemplar_tensors"].numpy().tobytes()
    table, features = read_samples([manifest], [files["samples"]], "pixels")
    for prompt_set, kind in (("llm", "gpt"), ("procedural", "object")):
        chosen = (table["prompt_set"] == prompt_set).to_numpy()
        assert features[chosen].tobytes() == saved["synth_tensors"][kind].numpy().tobytes()


def test_features_of_another_case_are_refused_by_a_path(release: Path, tmp_path: Path):
    released.save_case(tmp_path / "test.pth", released.read_json(release, FILE), 3)
    rows = release_features.read_test(tmp_path / "test.pth").exemplars
    with pytest.raises(ValueError, match=r"here: lacks features of 1 of 1 images, such as 'dataset/x.png'"):
        rows.of(["dataset/x.png"], "here")


def test_the_authors_tables_become_rows_of_ours(tmp_path: Path):
    columns = "name,feature,gpt-recall@5,gpt-recall@10,gpt-mAP,media-recall@5,media-recall@10,media-mAP"
    file = tmp_path / "table_observed_imagenet.csv"
    file.write_text(f",{columns}\n0,dino_tuned,dino,0.5,0.6,0.4,0.7,0.8,0.65\n")
    llm, procedural = results.read_results([file]).to_dict("records")
    assert (llm["encoder"], llm["head"], llm["case"], llm["prompt_set"]) == (
        "dino_vitb16", "linear", "imagenet_seen", "llm",
    )  # fmt: skip
    assert (llm["recall@5"], llm["recall@10"], llm["mAP"]) == (0.5, 0.6, 0.4)
    assert (procedural["prompt_set"], procedural["mAP"]) == ("procedural", 0.65)
    assert (llm["split"], llm["view"]) == ("test", "all")
    file.write_text("name,feature,gpt-mAP\na,resnet,0.1\n")
    with pytest.raises(ValueError, match="feature: 'resnet'; expected clip, dino, moco, vit, sscd"):
        results.read_results([file])
