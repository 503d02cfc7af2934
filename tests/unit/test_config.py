"""A study's models, shards and blocks follow from its lists; its mistakes are reported all at once, by name."""

import copy
import json
import re
import shutil
import tracemalloc
from pathlib import Path

import pytest
import yaml

from workflow_scripts import plugins
from workflow_scripts.cli import canonical_json
from workflow_scripts.study import checks, schema, settings
from workflow_scripts.study.settings.exemplars import SelectDistractorsSettings, SelectExemplarsSettings
from workflow_scripts.study.settings.ground_truth import FinetuneSettings, RegularizationSettings, SampleSettings
from workflow_scripts.study.study import Study, read_lines, read_list

ROOT = Path(__file__).parents[2]
STUDIES = sorted(file.stem for file in (ROOT / "config/studies").glob("*.yaml"))


def read_study(name: str) -> dict:
    return yaml.safe_load((ROOT / f"config/studies/{name}.yaml").read_text())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the project's lists and prompts, to spoil."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


@pytest.fixture
def config() -> dict:
    return copy.deepcopy(read_study("smoke"))


@pytest.fixture
def study(root: Path, config: dict) -> Study:
    """Three classes and three groups, four models per job, two class words per job."""
    (root / "config/classes/smoke.objects.txt").write_text("cat\nhot-dog\ncrab\tsea animal # not a comment\n")
    for split, groups in {"train": "a\nb\nc\n", "val": "d\n", "test": "e\n"}.items():
        (root / f"config/classes/smoke.styles.{split}.txt").write_text(groups)
    config["cases"]["emoji_seen"]["models_per_class"] = {"train": 2, "test": 1, "val": 1}
    return Study.from_mapping(config | {"models_per_job": 4, "class_words_per_job": 2}, root)


@pytest.mark.parametrize("name", STUDIES)
def test_a_committed_study_has_no_problems(name: str):
    assert checks.load_study(read_study(name), ROOT).name == name


def test_a_list_line_is_an_id_and_perhaps_a_class_word(tmp_path: Path):
    file = tmp_path / "list.txt"
    file.write_text("# comment\n\ncat\nhot-dog\nn01440764\tfish\n")
    assert read_list(file) == {"cat": "cat", "hot-dog": "hot dog", "n01440764": "fish"}
    assert set(read_list(file, "art").values()) == {"art"}


def test_object_models_are_numbered_train_then_val_then_test(study: Study):
    models = study.cases["emoji_seen"].models
    assert [m.name for m in models["train"]][:3] == ["cat_0000", "cat_0001", "hot-dog_0000"]
    assert [m.name for m in models["val"]] == ["cat_0002", "hot-dog_0002", "crab_0002"]
    assert [m.name for m in models["test"]] == ["cat_0003", "hot-dog_0003", "crab_0003"]
    assert models["test"][1].class_word == "hot dog"


def test_a_study_may_number_the_splits_in_another_order(config: dict, root: Path):
    config["cases"]["emoji_seen"] |= {
        "numbered_from": {"train": 0, "test": 8, "val": 9},
        "models_per_class": {"train": 8, "val": 1, "test": 1},
    }
    models = Study.from_mapping(config, root).cases["emoji_seen"].models
    assert [models[split][0].name[-4:] for split in ("train", "test", "val")] == ["0000", "0008", "0009"]


def test_counted_groups_are_numbered(config: dict, root: Path):
    groups = {
        "train": {"count": 2},
        "val": {"count": 1, "exemplars": 7},
        "test": "config/classes/smoke.styles.test.txt",
    }
    config["cases"]["families_seen"]["groups"] = groups
    study = checks.load_study(config, root)
    case = study.cases["families_seen"]
    assert [m.name for m in case.models["train"]] == ["families_seen_train_00000", "families_seen_train_00001"]
    assert case.models["val"][0].class_word == "art"
    assert len(case.models["test"]) == 1
    rows = settings.make("dataset_table", study).rows
    exemplars = {row.split: row.exemplars for row in rows if row.case == "families_seen"}
    assert exemplars == {"train": None, "val": 7, "test": None}


def test_prompts_may_differ_by_class_word(study: Study, config: dict, root: Path):
    for word in ("cat", "hot-dog", "sea-animal"):
        (root / f"config/prompts/{word}.test.txt").write_text(
            f"# {word}\nThe {{subject}} of {word}\nOne more {{subject}}\n"
        )
    config["cases"]["emoji_seen"]["models_per_class"] = {"train": 2, "test": 1, "val": 1}
    config["prompts"]["object"]["llm"]["test"] = {"file": "config/prompts/{class_word}.test.txt", "count": 1}
    (root / "config/classes/smoke.objects.txt").write_text("cat\nhot-dog\ncrab\tsea animal\n")
    grown = checks.load_study(config | {"models_per_job": 2}, root)
    sent = SampleSettings.of(grown, case="emoji_seen", shard="test_0000")
    assert sent.prompts["llm"] == {"cat": ["The {subject} of cat"], "hot dog": ["The {subject} of hot-dog"]}
    file = next(file for file in sent.files() if file.name == "hot-dog_0003.llm.parquet")
    assert file.settings["prompts"] == ["The <new1> hot dog of hot-dog"]
    assert grown.images("emoji_seen", "test") == (1 + 2) * 2
    (root / "config/prompts/hot-dog.test.txt").unlink()
    assert "prompts.object.llm.test.file: no such file config/prompts/hot-dog.test.txt" in problems(config, root)


def test_a_case_may_have_prompts_of_its_own(config: dict, root: Path):
    config["prompts"]["plump"] = copy.deepcopy(config["prompts"]["style"]) | {"finetune": "<new1> for {class_word}"}
    config["cases"]["families_sets"]["prompts"] = "plump"
    study = checks.load_study(config, root)
    assert FinetuneSettings.of(study, case="families_sets", shard="test_0000").prompt == "<new1> for {class_word}"
    assert FinetuneSettings.of(study, case="families_seen", shard="test_0000").prompt.startswith("a picture")


def test_a_source_with_data_of_its_own_needs_no_corpus(config: dict, root: Path):
    del config["corpus"]
    for section in (*config["cases"].values(), config["distractors"]):
        section["path"] = "data/mine"
    study = checks.load_study(config, root)
    made = SelectExemplarsSettings.of(study, case="emoji_seen"), SelectDistractorsSettings.of(study)
    assert [each.data for each in made] == [1, 1]
    assert all("data/mine" not in canonical_json(each.to_json()) for each in made)


@pytest.mark.parametrize("start", ["abc", "miniature"])
def test_the_documented_study_of_own_images_is_valid(start: str, root: Path):
    page = (ROOT / "docs/own_images.md").read_text()
    own = yaml.safe_load(page.partition("```yaml\n")[2].partition("```")[0])
    (root / "config/classes/mine.objects.txt").write_text("mug\tcup\ngarden-gnome\tanimal\n")
    for split in ("train", "val", "test"):
        (root / f"config/classes/mine.styles.{split}.txt").write_text(f"anna-{split}\n")
    study = checks.load_study(read_study(start) | own, root)
    assert sum(map(len, study.cases["objects"].models.values())) == 24


def test_a_style_model_is_its_group(study: Study):
    model = study.cases["families_seen"].models["val"][0]
    assert (model.name, model.class_name, model.class_word) == ("d", "d", "art")


def test_shards_are_slices_of_a_split(study: Study):
    assert study.shards("emoji_seen", "train") == ["train_0000", "train_0001"]
    assert [m.name for m in study.shard("emoji_seen", "train_0001")] == ["crab_0000", "crab_0001"]
    assert study.shards("families_seen", "test") == ["test_0000"]


def test_with_one_model_per_job_a_shard_is_its_model(root: Path, config: dict):
    study = Study.from_mapping(config | {"models_per_job": 1}, root)
    names = study.shards("emoji_seen", "test")
    assert names == [model.name for model in study.cases["emoji_seen"].models["test"]]
    assert [model.name for model in study.shard("emoji_seen", names[0])] == names[:1]


def test_a_class_added_at_the_end_changes_no_full_shard_and_no_full_block(study: Study, root: Path):
    with (root / "config/classes/smoke.objects.txt").open("a") as file:
        file.write("zebra\n")
    grown = Study.from_mapping(study.sections, root)
    assert grown.shard("emoji_seen", "train_0000") == study.shard("emoji_seen", "train_0000")
    assert grown.blocks["emoji_seen_0000"] == study.blocks["emoji_seen_0000"]
    assert grown.blocks["families_seen_0000"] == study.blocks["families_seen_0000"]


def test_blocks_hold_each_class_word_once(study: Study):
    assert study.blocks["emoji_seen_0000"] == ("cat", "hot dog")
    assert study.blocks["families_seen_0000"] == ("art",)
    assert study.blocks_of("emoji_seen", "train_0000") == ["emoji_seen_0000"]
    assert study.blocks_of("emoji_seen", "test_0000") == ["emoji_seen_0000", "emoji_seen_0001"]
    assert study.block_prompts("families_seen_0000") == study.prompts["style"]


def test_a_set_case_has_a_model_for_each_size(study: Study):
    assert [m.name for m in study.cases["families_sets"].models["test"]] == ["plump-0_0001", "plump-0_0002"]


def test_a_head_is_learned_on_the_training_sets_that_list_it(study: Study):
    whole = [(head, "object+style") for head in ("identity", "linear", "channel")]
    assert study.fitted == [*whole, ("linear", "object_50")]
    assert study.untuned_set == "object+style"


@pytest.mark.parametrize("case", ["emoji_seen", "families_seen", "families_sets"])
def test_the_settings_of_select_exemplars_hold_the_case(study: Study, case: str):
    sent = json.loads(canonical_json(SelectExemplarsSettings.of(study, case=case).to_json()))
    assert SelectExemplarsSettings.from_json(sent).to_case().models == study.cases[case].models


def test_settings_follow_the_split_and_kind(study: Study):
    sent = SampleSettings.of(study, case="families_seen", shard="val_0000")
    assert sent.prompts["llm"] == study.prompts["style"].templates["val"]["llm"].of("art")
    assert sent.class_words == {"d": "art"}
    assert RegularizationSettings.of(study, block="emoji_seen_0000").class_words == ("cat", "hot dog")
    assert FinetuneSettings.of(study, case="emoji_seen", shard="train_0001").models == ("crab_0000", "crab_0001")


def test_the_path_of_the_base_model_is_no_setting(study: Study):
    for made in (
        FinetuneSettings.of(study, case="emoji_seen", shard="test_0000"),
        RegularizationSettings.of(study, block="emoji_seen_0000"),
    ):
        assert "path" not in made.base_model


def problems(config: dict, root: Path) -> str:
    with pytest.raises(ValueError) as error:
        checks.load_study(config, root)
    return str(error.value)


def test_a_misspelt_key_is_refused_with_the_valid_ones(config: dict, root: Path):
    config["sampling"]["guidence"] = config["sampling"].pop("guidance")
    text = problems(config, root)
    says = "smoke.yaml with --config: sampling.guidence: unknown key, did you mean 'guidance'?; valid keys: "
    assert says in text
    assert "sampling.guidance: missing key (Scale of classifier-free guidance.)" in text


def test_a_misspelt_key_of_a_plug_in_is_refused(config: dict, root: Path):
    config["encoders"]["pixels"]["sise"] = 8
    config["customization"]["stepps"] = 8
    text = problems(config, root)
    assert "encoders.pixels.sise: unknown key, did you mean 'size'?; valid keys: size, version" in text
    assert "customization.stepps: unknown key, did you mean 'steps'?" in text


def test_a_key_that_a_merged_mapping_has_too_is_no_key_twice(tmp_path: Path):
    file = tmp_path / "merged.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  y: 3\nc: [*b, *b]\n")
    assert schema.read_yaml(file)["b"] == {"x": 1, "y": 3}


def test_every_key_that_stands_twice_is_named_at_any_depth(tmp_path: Path):
    file = tmp_path / "twice.yaml"
    file.write_text("a: 1\nb:\n  - {c: 1, 'c': 2}\n  - d: 1\n    e: 1\n    d: 1\na: 2\n")
    with pytest.raises(ValueError) as error:
        schema.read_yaml(file)
    assert [line.partition("twice.yaml: ")[2].partition(";")[0] for line in str(error.value).splitlines()] == [
        "b.0.c: stands in line 3 and in line 3",
        "b.1.d: stands in line 4 and in line 6",
        "a: stands in line 1 and in line 7",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nextra: &x [*x]\n", "line 2: *x stands inside of &x, which would have no end"),
        ("extra: &x {y: [1, *x]}\n", "line 1: *x stands inside of &x, which would have no end"),
        (f"a: {'[' * 3000}{']' * 3000}\n", "line 1: lists and mappings of more than 50 levels"),
        (f"a: {'[' * 100_000}", "line 1: lists and mappings of more than 50 levels"),
        (
            "a0: &a0 1\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)),
            "line 7: *a5 makes more than 100,000 values; write out what is meant",
        ),
        ("a: {seed: 1:30}\n", "a.seed: YAML reads 1:30 as 90; write the number itself, or put it in quotes if it is "),
        ("a: [1:30.5]\n", "a.0: YAML reads 1:30.5 as 90.5; write the number itself, "),
        ("seed: 010\n", "seed: YAML reads 010 as 8; write the number itself, "),
    ],
)
def test_yaml_that_means_something_else_or_has_no_end_is_refused(text: str, says: str, tmp_path: Path):
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    with pytest.raises(ValueError) as error:
        schema.read_yaml(file)
    assert str(error.value).startswith(f"{file}: {says}") and "\n" not in str(error.value)


def test_yaml_that_says_what_it_means_is_read(tmp_path: Path):
    file = tmp_path / "even.yaml"
    file.write_text("a: &a [0, -1, 0.5, 1e-4, '1:30', '010', 08, x:y]\nb: *a\nc: [*a, *a]\n")
    read = schema.read_yaml(file)
    assert read["a"] == [0, -1, 0.5, "1e-4", "1:30", "010", "08", "x:y"] and read["c"] == [read["b"]] * 2


def test_a_byte_order_mark_is_no_part_of_a_list_or_a_study(config: dict, root: Path):
    for name in ("classes/smoke.objects.txt", "prompts/object.llm.train.txt", "studies/smoke.yaml"):
        file = root / "config" / name
        file.write_text("\n".join(read_lines(file)) if name.endswith("txt") else file.read_text(), encoding="utf-8-sig")
    assert checks.named_study("smoke", root).cases["emoji_seen"].members["test"] == {
        name: name for name in ("airplane", "bird", "bicycle", "bread")
    }


@pytest.mark.parametrize("key", [1, None, True])
def test_a_key_that_is_no_text_is_refused(key, config: dict, root: Path):
    config["sampling"][key] = 1
    assert f"sampling.{key}: YAML reads this key as " in problems(config, root)


def test_a_number_that_json_does_not_have_is_refused(config: dict, root: Path):
    config["heads"]["linear"]["learning_rate"] = float("nan")
    assert "heads.linear.learning_rate: nan is no number" in problems(config, root)


def test_a_missing_version_is_said_once_with_its_meaning(config: dict, root: Path):
    del config["heads"]["identity"]["version"]
    [line] = problems(config, root).splitlines()
    assert "heads.identity.version: missing key (Raised when " in line


def test_a_long_value_does_not_hide_what_is_wrong_with_it(config: dict, root: Path):
    config["encoders"] = [config["encoders"]]
    assert len(problems(config, root)) < 300


def test_a_list_of_another_kind_does_not_hide_the_other_problems(config: dict, root: Path):
    (root / "config/classes/smoke.objects.txt").write_text("".join(f"Class {i}\n" for i in range(1000)))
    assert len(problems(config, root).splitlines()) < 10


def test_a_study_without_the_untuned_head_is_refused(config: dict, root: Path):
    del config["heads"]["identity"]
    assert "heads.identity: missing key" in problems(config, root)
    config["heads"]["identity"] = None
    assert "heads.identity: None is not of type 'object'" in problems(config, root)


def test_a_plug_in_may_not_declare_a_name_that_its_rule_uses(config: dict, root: Path, tmp_path: Path, monkeypatch):
    """Else the study's seed would be replaced by the head's, without a word."""
    package = shutil.copytree(plugins.PACKAGE, tmp_path / "package")
    monkeypatch.setattr(plugins, "PACKAGE", package)
    source = "from dataclasses import dataclass\n\n\n@dataclass(frozen=True)\nclass Settings:\n    seed: int\n"
    (package / "heads/greedy.py").write_text(source)
    config["heads"]["greedy"] = {"seed": 7, "version": 1}
    assert "heads.greedy: its Settings declare 'seed', a name that the rules use themselves" in problems(config, root)


def test_a_wrong_type_is_refused_with_the_meaning_of_the_key(config: dict, root: Path):
    config["models_per_job"] = "64"
    config["customization"]["learning_rate"] = "1e-3"  # YAML 1.1 reads 1e-3 as a string
    text = problems(config, root)
    assert "models_per_job: '64' is not of type 'integer'" in text
    assert "customization.learning_rate: '1e-3' is not of type 'number' (Learning rate of W_k and W_v.)" in text


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["encoders"].update(clipp={"version": 1}), "encoders.clipp: 'clipp': no such plug-in in "),
        (lambda c: c["customization"].update(name="lora"), "customization.name: 'lora': no such plug-in in "),
        (lambda c: c["distractors"].update(source="laion"), "distractors.source: 'laion': no such plug-in in "),
        (
            lambda c: c["customization"]["looks"][0].update(scale=[1.0, 0.8]),
            "customization.looks.0.scale: [1.0, 0.8]: expected the smallest size first",
        ),
        (
            lambda c: c["customization"]["looks"][0].update(weight=0),
            "customization.looks: every weight is 0, so none could be drawn",
        ),
        (
            lambda c: c["cases"].update(distractors=c["cases"].pop("families_sets")),
            "cases.distractors: the distractors' own files have this name; give the case another",
        ),
        (lambda c: c["distractors"].update(path=""), "distractors.path: '' should be non-empty (Folder of "),
        (
            lambda c: c["evaluation"].update(splits=["train"]),
            "evaluation.splits: ['train'] lacks 'test' (The splits whose samples are attributed: test, ",
        ),
        (
            lambda c: c["training_sets"].update(x={"cases": ["bamfg"]}),
            "training_sets.x.cases: 'bamfg' is no case; cases: emoji_seen, ",
        ),
        (
            lambda c: c["training_sets"]["object_50"].update(heads=["mlp"]),
            "training_sets.object_50.heads: 'mlp' is no head; heads: identity, linear, channel",
        ),
        (
            lambda c: c["training_sets"]["object+style"].update(heads=["linear"]),
            "training_sets: none lists the head 'identity'; name it in the `heads` of one",
        ),
        (
            lambda c: [c["encoders"].pop(name) for name in ("clip_mini", "pixels")],
            "encoders: none of text looks at images; the report needs an encoder that does",
        ),
        (
            lambda c: [
                c["cases"].pop("families_sets"),
                c["cases"]["families_seen"]["groups"].pop("test"),
                c["cases"]["emoji_seen"]["models_per_class"].pop("test"),
            ],
            "cases: none has models of split 'test'; the report needs a case that has",
        ),
        (
            lambda c: c["cases"]["emoji_seen"].update(set_sizes=[1]),
            "cases.emoji_seen.set_sizes: unknown key for kind 'object'; it belongs to kind 'style'",
        ),
        (
            lambda c: c["cases"]["families_seen"]["groups"].pop("val"),
            "training_sets.object+style.cases: 'families_seen' has no val split",
        ),
        (
            lambda c: c["cases"]["emoji_seen"].update(classes="config/classes/none.txt"),
            "cases.emoji_seen.classes: no such file config/classes/none.txt; its folder has ",
        ),
        (
            lambda c: c["cases"]["emoji_seen"].update(groups={"test": "config/classes/smoke.styles.test.txt"}),
            "cases.emoji_seen.groups: unknown key for kind 'object'; keys: classes, models_per_class",
        ),
        (
            lambda c: c["cases"]["emoji_seen"].pop("models_per_class"),
            "cases.emoji_seen.models_per_class: missing key for kind 'object'",
        ),
        (
            lambda c: c["cases"]["families_sets"].update(prompts="plump"),
            "cases.families_sets.prompts: 'plump' has no prompts; prompts has object, style",
        ),
        (
            lambda c: c["prompts"]["object"]["llm"].pop("val"),
            "cases.emoji_seen.kind: it has models of split 'val', but prompts.object.llm has no 'val'",
        ),
        (
            lambda c: c.pop("corpus"),
            "cases.emoji_seen.path: missing key; there is no corpus for 'emoji_objects' to choose from",
        ),
        (lambda c: c.pop("corpus"), "distractors.path: missing key; there is no corpus for 'emoji_distractors'"),
        (
            lambda c: c["cases"]["emoji_seen"].update(numbered_from={"val": 1}),
            "cases.emoji_seen.numbered_from: models of 'train' and 'val' have numbers in common",
        ),
        (
            lambda c: c["base_model"].update(path="data/hub/CompVis/stable-diffusion-v1-4/main"),
            "base_model.path: 'data/hub/CompVis/stable-diffusion-v1-4/main' must be data/hub/owner/name/revision",
        ),
        (
            lambda c: c["base_model"].update(path=f"data/hub/CompVis/stable-diffusion-v1-4/{'a' * 40}"),
            f"base_model.revision: None is not that of base_model.path, '{'a' * 40}'",
        ),
        (
            lambda c: c["encoders"]["clip_mini"].update(path="data/hub/timm/clip"),
            "encoders.clip_mini.path: 'data/hub/timm/clip' must be data/hub/owner/name/revision, with ",
        ),
        (lambda c: c.pop("sampling"), "sampling: missing key (How customized models are sampled.)"),
        (lambda c: c.pop("base_model"), "base_model or release: missing key; one of these is needed"),
        (
            lambda c: c["cases"]["families_seen"]["groups"].update(val={"count": 0}),
            "cases.families_seen.groups.val.count: 0 is less than the minimum of 1",
        ),
        (lambda c: c["prompts"].pop("style"), "cases.families_seen.kind: 'style' has no prompts; prompts has object"),
        (
            lambda c: c["prompts"]["object"]["llm"]["train"].update(count=1000),
            "prompts.object.llm.train.count: 1000 prompts asked, but config/prompts/object.llm.train.txt has ",
        ),
        (
            lambda c: c["prompts"]["style"]["llm"]["test"].update(file="config/prompts/style.llm.train.txt"),
            "prompts.style.llm.test.file: config/prompts/style.llm.train.txt shares the prompt ",
        ),
        (
            lambda c: c["prompts"]["object"].update(regularization="config/prompts/none.txt"),
            "prompts.object.regularization: no such file config/prompts/none.txt",
        ),
        (
            lambda c: c["prompts"]["object"]["llm"]["train"].update(file="config/prompts/none.txt"),
            "prompts.object.llm.train.file: no such file config/prompts/none.txt",
        ),
        (
            lambda c: c["prompts"]["object"]["llm"]["train"].update(file="config/prompts/style.llm.train.txt"),
            "each must hold {subject}",
        ),
    ],
)
def test_keys_that_do_not_fit_together_are_refused(spoil, message: str, config: dict, root: Path):
    spoil(config)
    assert message in problems(config, root)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "smoke.objects.txt is empty; it needs one id a line"),
        ("cat\ndog\ncat\n", "smoke.objects.txt names 'cat' 2 times; each id may stand once"),
        ("../../etc\n", "smoke.objects.txt names '../../etc'; an id must match [a-z0-9]"),
        ("Cat\n", "smoke.objects.txt names 'Cat'; an id must match [a-z0-9]"),
    ],
)
def test_a_list_that_names_no_good_models_is_refused(lines: str, message: str, config: dict, root: Path):
    (root / "config/classes/smoke.objects.txt").write_text(lines)
    assert message in problems(config, root)


def test_a_list_may_have_a_byte_order_mark(config: dict, root: Path):
    file = root / "config/classes/smoke.objects.txt"
    before = checks.load_study(config, root).cases["emoji_seen"].members
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert checks.load_study(config, root).cases["emoji_seen"].members == before


@pytest.mark.parametrize("line", ["c{}\n", "Photo {}.jpg\n"])
def test_memory_holds_a_long_list_but_neither_its_models_nor_its_problems(line: str, config: dict, root: Path):
    config["cases"]["emoji_seen"] |= {"models_per_class": {"train": 20, "val": 5, "test": 5}}
    config |= {"models_per_job": 1000, "class_words_per_job": 1000}
    (root / "config/classes/smoke.objects.txt").write_text("".join(map(line.format, range(50_000))))
    tracemalloc.start()
    try:
        study = checks.load_study(config, root)
        assert len(study.shards("emoji_seen", "train")) == 1000
        assert study.shard("emoji_seen", "test_0001")[7].name == "c201_0027"
        assert len(study.blocks) >= 50
    except ValueError as error:
        assert len(str(error).splitlines()) < 30
        assert "classes: and more like these" in str(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # the models alone would take 300 MB


def test_lists_of_one_source_must_be_disjoint(config: dict, root: Path):
    shutil.copy(root / "config/classes/smoke.styles.val.txt", root / "config/classes/smoke.styles.test.txt")
    assert "cases.families_seen.groups.test: shares " in problems(config, root)


def test_folders_of_one_name_in_two_places_are_two_classes(config: dict, root: Path):
    objects, styles = config["cases"]["emoji_seen"], config["cases"]["families_seen"]
    shutil.copy(root / objects["classes"], root / styles["groups"]["test"])
    for case, path in ((objects, "data/mine/objects"), (styles, "data/mine/styles")):
        case.update(source="image_folder", path=path)
    checks.load_study(config, root)
    styles["path"] = "data/mine/styles/../objects/"
    assert "cases.families_seen.groups.test: shares " in problems(config, root)


def test_resamples_are_enough_for_a_p_below_a_twentieth(config: dict, root: Path):
    config["evaluation"]["bootstrap"] = 39
    assert "evaluation.bootstrap: 39 is less than the minimum of 40 (Resamples" in problems(config, root)


def test_all_problems_are_reported_at_once(config: dict, root: Path):
    config["training_sets"]["x"] = {"cases": ["nowhere"]}
    config["heads"]["mlpp"] = {"version": 1}
    (root / "config/prompts/object.llm.test.txt").unlink()
    lines = problems(config, root).splitlines()
    assert len(lines) >= 3
    assert all(line.startswith("config/studies/smoke.yaml with --config: ") for line in lines)


def test_a_study_without_file_is_refused_with_those_that_have_one():
    with pytest.raises(ValueError, match=r"study: 'abcd' has no file config/studies/abcd\.yaml; studies: .*smoke"):
        checks.study_file("abcd", ROOT)


def test_data_that_are_missing_are_named_once_by_all_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    study = checks.named_study("abc_release", ROOT)
    monkeypatch.chdir(tmp_path)
    keys = [f"cases.{case}.path" for case in study.cases] + ["distractors.path"]
    folder = "no such file or folder data/abc_release"
    [line] = [line for line in checks.missing_data(study) if line.endswith(folder)]
    assert line == f"config/studies/abc_release.yaml: {', '.join(keys)}: {folder}"
    (tmp_path / "data/abc_release/feats/dino").mkdir(parents=True)
    (tmp_path / "data/abc_release/feats/dino/laion_subset.pth").touch()
    lines = [line.partition(": ")[2] for line in checks.missing_data(study)]
    assert f"release.encoders.sscd.mapper: {folder}/weights/mapper/sscd_tuned.pth" in lines
    assert not [line for line in lines if "dino_vitb16.distractors" in line or "moco_v3_vitb.calibrator" in line]
    for case in [*study.cases, "distractors"]:
        made = tmp_path / f"results/abc_release/exemplars/{case}.parquet"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
    shutil.rmtree(tmp_path / "data")
    assert not [line for line in checks.missing_data(study) if line.endswith(folder)]  # nobody needs it any more


def test_pretraining_is_checked_likewise(root: Path):
    assert checks.load_pretraining(ROOT)["vae"]["steps"] > 0
    file = root / checks.PRETRAINING
    file.write_text(file.read_text().replace("latent_noise", "latent_noisee"))
    with pytest.raises(ValueError, match=r"config/pretraining\.yaml: vae\.latent_noisee: unknown key, did you mean"):
        checks.load_pretraining(root)


def walk(node, path: str = "study"):
    """Every schema inside a schema, with its path."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from walk(value, f"{path}.{key}")


@pytest.mark.parametrize("file", sorted((ROOT / "config/schemas").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_schema_is_closed_and_describes_every_key(file: Path):
    study = yaml.safe_load(file.read_text())
    for path, node in walk(study):
        for name, key in node.get("properties", {}).items() if node.get("type") == "object" else ():
            referred = study["$defs"][key["$ref"].rpartition("/")[2]] if "$ref" in key else {}
            assert "description" in {**referred, **key}, f"{path}.{name}"
        plug_in = path.removeprefix("study.properties.") in {*schema.NAMED_SECTIONS} or path.startswith(
            "study.$defs.plugins"
        )
        if node.get("type") == "object" and "properties" in node and not plug_in:
            assert node.get("additionalProperties") is False, path


@pytest.mark.parametrize(
    "file", sorted((ROOT / "config").glob("**/*.yaml")), ids=lambda file: f"{file.parent.name}/{file.stem}"
)
def test_a_value_that_was_selected_names_the_record_of_that(file: Path):
    for line in file.read_text().splitlines():
        if re.search(r"#.*\b(selected|tuned|searched) (on|with|among)\b", line):
            record = re.search(r"docs/\S+\.csv", line)
            assert record and (ROOT / record[0]).is_file(), line
