"""The settings of rules: from the study to JSON and back, and what provenances and manifests take from them."""

import json
from pathlib import Path

import pytest

from tests import projects
from workflow_scripts import cli
from workflow_scripts.study import checks, settings
from workflow_scripts.study.settings.base import Settings
from workflow_scripts.study.settings.evaluation import EmbedSettings
from workflow_scripts.study.settings.exemplars import SelectExemplarsSettings
from workflow_scripts.study.settings.ground_truth import FinetuneSettings, RegularizationSettings, SampleSettings
from workflow_scripts.study.settings.release import ImportHeadSettings, ImportSamplesSettings
from workflow_scripts.study.study import Study

CELL = {"encoder": "pixels", "head": "linear", "training_set": "object+style"}
RELEASED = {"encoder": "dino_vitb16", "head": "linear", "training_set": "released"}
JOBS = {  # by study: a job of each rule, with its wildcards
    "smoke": {
        "select_exemplars": {"case": "emoji_seen"},
        "select_distractors": {},
        "regularization": {"block": "emoji_seen_0000"},
        "finetune": {"case": "emoji_seen", "shard": "train_0000"},
        "sample": {"case": "emoji_seen", "shard": "test_0000"},
        "embed_samples": {"encoder": "pixels"},
        "train_head": CELL,
        "calibrate": CELL,
        "attribute": {"method": "feature_similarity", **CELL, "case": "emoji_seen"},
        "evaluate": {"method": "feature_similarity", **CELL},
        "measure_gates": {},
        "measure_customizability": {},
        "measure_low_rank": {},
    },
    "abc_release": {
        "import_exemplars": {"case": "bamfg"},
        "import_samples": {"case": "bamfg", "shard": "test_0000"},
        "import_distractors": {},
        "import_features": {"encoder": "dino_vitb16"},
        "import_head": RELEASED,
        "evaluate": {"method": "feature_similarity", **RELEASED},
    },
}


@pytest.fixture(scope="module")
def studies() -> dict[str, Study]:
    return {name: checks.named_study(name, projects.ROOT) for name in JOBS}


def test_a_head_of_a_share_is_compared_with_that_of_the_whole(studies: dict[str, Study]):
    """Of the same cases; a head of other cases, or of all models, with none."""
    miniature = checks.named_study("miniature", projects.ROOT)
    for head, part, whole in (
        ("linear", "object+style_10", "object+style"),
        ("mlp", "object+style_10", "object+style"),
        ("linear", "object", None),
        ("linear", "object+style", None),
    ):
        assert miniature.whole_set(head, part) == whole
    assert studies["smoke"].whole_set("linear", "object_50") is None  # the study has no `object`


def sent(made: Settings) -> dict:
    """What arrives at the step."""
    return json.loads(cli.canonical_json(made.to_json()))


@pytest.mark.parametrize(("study", "rule"), [(study, rule) for study, jobs in JOBS.items() for rule in jobs])
def test_settings_come_back_from_json_without_a_change(studies: dict[str, Study], study: str, rule: str):
    made = settings.make(rule, studies[study], **JOBS[study][rule])
    read = settings.TYPES[rule].from_json(sent(made))
    assert cli.canonical_json(read.to_json()) == cli.canonical_json(made.to_json())


@pytest.mark.parametrize(
    ("rule", "change", "says"),
    [
        ("sample", {"seed": ...}, "seed: missing key"),
        ("sample", {"seed": "0"}, "seed: '0': Expected `int`, got `str`"),
        (
            "sample",
            {"sed": 0},
            "sed: unknown key; valid keys: base_model, case, class_words, customization, kind, models, ",
        ),
        ("sample", {"sampling": {"steps": 3}}, "sampling.scheduler: missing key"),
        ("sample", {"sampling": {"stepps": 3}}, "sampling.stepps: unknown key; valid keys: batch, compile, guidance, "),
        (
            "evaluate",
            {"cases": {"c": {"kind": "object", "sts": True}}},
            "cases.c.sts: unknown key; valid keys: expected, ",
        ),
        ("measure_low_rank", {"models": [{"kase": "c"}]}, "models.0.kase: unknown key; valid keys: case, "),
        ("measure_low_rank", {"models": [{}]}, "models.0.case: missing key"),
    ],
)
def test_a_bad_key_is_named(
    studies: dict[str, Study], rule: str, change: dict, says: str, capsys: pytest.CaptureFixture
):
    made = sent(settings.make(rule, studies["smoke"], **JOBS["smoke"][rule]))
    text = json.dumps({key: value for key, value in {**made, **change}.items() if value is not ...})
    parser = cli.StepParser("A step.")
    parser.add_settings(settings.TYPES[rule])
    with pytest.raises(SystemExit):
        parser.parse_args(["--settings", text])
    assert f"argument --settings: settings of {rule}: {says}" in capsys.readouterr().err.splitlines()[-1]


def test_a_number_is_spelt_as_in_the_study(studies: dict[str, Study]):
    made = sent(SampleSettings.of(studies["smoke"], case="emoji_seen", shard="test_0000"))
    for guidance in (3, 3.0):
        made["sampling"]["guidance"] = guidance
        assert cli.canonical_json(SampleSettings.from_json(made).to_json()) == cli.canonical_json(made)


def test_the_provenance_names_some_inputs_by_patterns(studies: dict[str, Study]):
    evaluate, calibrate, train = (
        settings.make(rule, studies["smoke"], **JOBS["smoke"][rule]) for rule in ("evaluate", "calibrate", "train_head")
    )
    scores = ["scores/a.parquet", "scores/b.parquet"]
    sources = evaluate.made_from(scores=scores, untuned=[], output="x.json")
    assert sources == {"scores_a": Path(scores[0]), "scores_b": Path(scores[1])}
    assert calibrate.made_from(head=Path("h"), exemplars=["e"], untuned=None) == {"head": Path("h"), "e": Path("e")}
    assert train.made_from(sample_features=["features/s.safetensors"]).keys() == {"features/s.safetensors"}


def test_an_encoder_is_named_and_its_weights_are_an_input():
    made = EmbedSettings({"path": "data/w.pth", "version": 1})
    assert made.recorded(study="smoke", encoder="csd") == {"encoder": "csd", "path": "data/w.pth", "version": 1}
    assert made.made_from(images="a.parquet") == {"source": Path("a.parquet"), "weights": Path("data/w.pth")}
    assert EmbedSettings({"version": 1}).made_from(samples=["a.json"]) == {"source": Path("a.json")}


def test_only_released_maps_are_raw(studies: dict[str, Study]):
    learned = ImportHeadSettings.of(studies["abc_release"], **RELEASED)
    assert learned.recorded() == {**learned.to_json(), "raw": True}
    untuned = ImportHeadSettings.of(studies["abc_release"], **{**RELEASED, "head": "identity"})
    assert untuned.recorded() == untuned.to_json()


def test_a_shard_knows_its_files_and_what_each_is_made_by(studies: dict[str, Study]):
    smoke = studies["smoke"]
    tuned, drawn = (
        type_.of(smoke, case="emoji_seen", shard="train_0000") for type_ in (FinetuneSettings, SampleSettings)
    )
    model = tuned.models[0]
    file = tuned.files()[0]
    assert (file.name, file.model, file.entry) == (f"{model}.safetensors", model, {})
    assert file.settings["prompt"].endswith(tuned.class_words[model])
    assert "models_per_batch" not in file.settings["customization"]
    files = drawn.files()
    assert [each.name for each in files[:2]] == [f"{model}.{name}.parquet" for name in ("llm", "procedural")]
    assert len(files) == 2 * len(drawn.models)
    assert files[0].entry["n"] == len(files[0].settings["prompts"]) * drawn.sampling.samples_per_prompt
    assert "batch" not in files[0].settings["sampling"] and "steps" in files[0].settings["sampling"]
    released = ImportSamplesSettings.of(studies["abc_release"], case="bamfg", shard="test_0000")
    assert [each.settings for each in released.files()] == [None] * 2 * len(released.models)


def test_captions_of_a_class_word_take_turns(studies: dict[str, Study]):
    made = RegularizationSettings.of(studies["smoke"], block="emoji_seen_0000")
    captions = made.captions_of("cat")
    assert len(captions) == made.images_per_class_word
    assert captions[0] == made.captions[0].replace("{class_word}", "cat") != made.captions[0]


def test_a_path_of_data_is_no_setting(studies: dict[str, Study]):
    corpus = SelectExemplarsSettings.of(studies["smoke"], case="emoji_seen")
    assert sent(corpus)["corpus"] == studies["smoke"].sections["corpus"]["version"] and "data" not in sent(corpus)
    assert corpus.made_from(corpus=["c/drawings.parquet", "c/twins.parquet"]).keys() == {"drawings", "twins"}
