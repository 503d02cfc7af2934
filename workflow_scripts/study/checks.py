"""Reads and checks a study, also what its schema cannot say. All problems are reported at once."""

import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from workflow_scripts import plugins
from workflow_scripts.study import data_checks, prompt_checks, release_checks, schema, weights
from workflow_scripts.study.settings.evaluation import AttributeSettings, EmbedSettings, TrainHeadSettings
from workflow_scripts.study.study import (
    ID,
    PROMPT_SETS,
    Case,
    Study,
    image_sections,
    is_released,
    prompts_of,
    read_lines,
    read_list,
    splits_of,
)

CONFIG = Path("config/config.yaml")
PROFILES = "config/profiles/*/config.yaml"
SCHEMA = Path("config/schemas/study.yaml")
STUDIES = Path("config/studies")
RESULTS = Path("results")  # in the folder where Snakemake works
PRETRAINING = Path("config/pretraining.yaml")
SHOWN = 5  # problems of a list
RULES_OF = {"encoders": EmbedSettings, "heads": TrainHeadSettings, "methods": AttributeSettings}
TAKEN = {  # names that stand beside the keys of a plug-in in the settings of its rule
    kind: {"version", "encoder", *(field.name for field in fields(rule))} for kind, rule in RULES_OF.items()
}


def config_file(root: Path, more: Iterable[Path] = ()) -> str:
    """config/config.yaml, which names the study.

    Args:
        more: the files of `--configfile`; like the profiles, Snakemake itself reads them without noticing a key twice.

    Raises:
        ValueError: one of the files is not YAML, has a key twice, or has none.
    """
    for file in (root / CONFIG, *more, *sorted(root.glob(PROFILES))):
        _read_keys(file)
    return str(CONFIG)


def _read_keys(file: Path) -> Mapping[str, Any]:
    content = schema.read_yaml(file)
    if not isinstance(content, Mapping):
        raise ValueError(f"{file}: holds no keys; expected those of {SCHEMA}")
    return content


def study_file(name: str | None, root: Path) -> str:
    """The file of the study of this name.

    Raises:
        ValueError: there is no such study, and the message lists those that exist; or its file has no keys, or is that
            of a study with another name.
    """
    file = root / STUDIES / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(file.stem for file in (root / STUDIES).glob("*.yaml")))
        if name is None:
            raise ValueError(f"{CONFIG}: study: missing key; studies: {known}")
        raise ValueError(f"{CONFIG}: study: {name!r} has no file {STUDIES}/{name}.yaml; studies: {known}")
    own = _read_keys(file).get("study")
    if own != name:
        wrong = "missing key" if own is None else repr(own)
        raise ValueError(f"{STUDIES}/{name}.yaml: study: {wrong}; expected the name of its file, {name!r}")
    return f"{STUDIES}/{name}.yaml"


def named_study(name: str | None, root: Path) -> Study:
    """Reads and checks the study of this name, or else the one that config/config.yaml names; raises `ValueError`."""
    name = name or _read_keys(root / config_file(root)).get("study")
    return load_study(schema.read_yaml(root / study_file(name, root)), root)


def load_study(config: Mapping[str, Any], root: Path) -> Study:
    """Checks a configuration and makes the study of it.

    Raises:
        ValueError: it has problems; one line each, naming file, key, value and what would be valid.
    """
    if RESULTS.is_file():
        raise ValueError(f"{RESULTS}: is a file, but must be a folder; move it away")
    lines = schema.study_problems(config, root / SCHEMA) or problems(config, root)
    if lines:
        _refuse(_place(config, root), lines)
    return Study.from_mapping(config, root)


def _place(config: Mapping[str, Any], root: Path) -> str:
    """Where a configuration was written."""
    file = STUDIES / f"{config.get('study', '?')}.yaml"
    as_written = (root / file).is_file() and schema.read_yaml(root / file) == config
    return str(file) if as_written else f"{file} with --config"


def refuse_read_only(folder: Path) -> None:
    """Raises `ValueError` if nothing can be written to a folder, or to the one that will hold it if it is not there."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        raise ValueError(f"{there}: is read-only, for you at least; nothing can be made here")


def missing_data(study: Study) -> list[str]:
    """A line for each file or folder that the study names and that is not there, although no rule makes it."""
    return [f"{_file(study)}: {line}" for line in data_checks.missing_images(study) + data_checks.missing_others(study)]


def refuse_few_images(study: Study) -> None:
    """Raises `ValueError` if a folder of images that is there has fewer than the study asks of it."""
    _refuse(_file(study), list(data_checks.too_few(study)))


def refuse_missing_images(study: Study) -> None:
    """Raises `ValueError` if a folder of images is not there."""
    _refuse(_file(study), data_checks.missing_images(study))


def _file(study: Study) -> Path:
    return STUDIES / f"{study.name}.yaml"


def load_pretraining(root: Path) -> dict[str, Any]:
    """Reads and checks how the miniature's assets are made; raises `ValueError` as `load_study`."""
    pretraining = schema.read_yaml(root / PRETRAINING)
    _refuse(PRETRAINING, schema.problems(pretraining, root / "config/schemas/pretraining.yaml"))
    return pretraining


def _refuse(file: Path, lines: Sequence[str]) -> None:
    if lines:
        raise ValueError("\n".join(f"{file}: {line}" for line in lines))


def problems(config: Mapping[str, Any], root: Path) -> list[str]:
    """Every problem of a configuration that fits the schema, one line each."""
    files = dict(_lists(config))
    lists = {key: read_list(root / file) for key, file in files.items() if (root / file).is_file()}
    words = defaultdict(dict)  # the class words by the prompts of the case
    for key, own in lists.items():
        words[prompts_of(config["cases"][key.split(".")[1]])] |= dict.fromkeys(own.values())
    return [
        *_plugin_problems(config),
        *_training_set_problems(config),
        *_weight_problems(config),
        *(f"{key}: {problem}" for key, file in files.items() for problem in _list_problems(root, file)),
        *_first(prompt_checks.problems(config, root, words)),
        *release_checks.problems(config),
        *_report_problems(config),
        *_case_problems(config),
        *_sharing_problems(config, lists),
    ]


def _first(lines: Iterator[str]) -> Iterator[str]:
    """The first problems of a list, and whether there are more: a million would hide those of other keys."""
    yield from itertools.islice(lines, SHOWN)
    if next(lines, None):
        yield "and more like these"


def _plugin_problems(config: Mapping[str, Any]) -> Iterator[str]:
    entries = [(f"{kind}.{name}", kind, name) for kind in schema.PLUGIN_SECTIONS for name in config[kind]]
    for section, kind in schema.NAMED_SECTIONS.items():
        if section in config:
            entries.append((f"{section}.name", kind, config[section]["name"]))
    for key, section in image_sections(config).items():
        entries.append((f"{key}.source", "exemplar_sources", section["source"]))
    for key, kind, name in entries:
        if name not in plugins.names(kind):
            yield f"{key}: {name!r}: {plugins.unknown(kind, name)}"
        elif taken := _keys(plugins.settings_type(kind, name)) & TAKEN.get(kind, set()):
            yield f"{key}: its Settings declare {min(taken)!r}, a name that the rules use themselves; rename this key"
        elif kind == "encoders":
            plugins.reads(name)  # refuses a value that is neither


def _keys(declared: type | None) -> set[str]:
    return {field.name for field in fields(declared)} if declared else set()


def _weight_problems(config: Mapping[str, Any]) -> Iterator[str]:
    base_model = config.get("base_model", {})
    sections = {"base_model": base_model, **{f"encoders.{name}": own for name, own in config["encoders"].items()}}
    for key, section in sections.items():
        if problem := weights.problem(section.get("path", "")):
            yield f"{key}.path: {problem}"
    revision, path = base_model.get("revision"), base_model.get("path", "")
    if weights.is_on_hub(path) and revision != Path(path).name:
        yield f"base_model.revision: {revision!r} is not that of base_model.path, {Path(path).name!r}"


def _lists(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and file of every list of classes or groups."""
    for case, section in config["cases"].items():
        if "classes" in section:
            yield f"cases.{case}.classes", section["classes"]
        for split, file in section.get("groups", {}).items():
            if isinstance(file, str):
                yield f"cases.{case}.groups.{split}", file


def _list_problems(root: Path, file: str) -> Iterator[str]:
    if not (root / file).is_file():
        siblings = ", ".join(sorted(other.name for other in (root / file).parent.glob("*.txt")))
        yield f"no such file {file}; its folder has {siblings or 'no lists'}"
        return
    ids = Counter(line.partition("\t")[0] for line in read_lines(root / file))
    if not ids:
        yield f"{file} is empty; it needs one id a line"
    twice = (f"{file} names {name!r} {count} times; each id may stand once" for name, count in ids.items() if count > 1)
    wrong = (f"{file} names {name!r}; an id must match {ID.pattern}" for name in ids if not ID.fullmatch(name))
    yield from _first(itertools.chain(twice, wrong))


def _case_problems(config: Mapping[str, Any]) -> Iterator[str]:
    needs = {"object": {"classes", "models_per_class"}, "style": {"groups"}}
    for case, section in config["cases"].items():
        given = section.keys() & {"classes", "models_per_class", "groups"}
        needed = needs[section["kind"]]
        if section["kind"] == "object" and "set_sizes" in section:
            yield f"cases.{case}.set_sizes: unknown key for kind 'object'; it belongs to kind 'style'"
        for key in sorted(given ^ needed):
            problem = "missing" if key in needed else "unknown"
            keys = ", ".join(sorted(needed))
            yield f"cases.{case}.{key}: {problem} key for kind {section['kind']!r}; keys: {keys}"
        if case == "distractors":
            yield "cases.distractors: the distractors' own files have this name; give the case another"
        yield from (f"cases.{case}.{problem}" for problem in _prompts_of_case(config, section))
        yield from (f"cases.{case}.numbered_from: {problem}" for problem in _shared_numbers(section))
    for key, section in image_sections(config).items():
        if "path" not in section and "corpus" not in config:
            yield f"{key}.path: missing key; there is no corpus for {section['source']!r} to choose from"


def _shared_numbers(section: Mapping[str, Any]) -> Iterator[str]:
    """Splits whose models would have the same names."""
    if "numbered_from" not in section or "models_per_class" not in section:
        return
    case = Case("", "object", "", {}, section["models_per_class"], numbered_from=section["numbered_from"])
    for first, second in itertools.combinations(section["models_per_class"], 2):
        if set(case.numbers(first)) & set(case.numbers(second)):
            yield f"models of {first!r} and {second!r} have numbers in common; give each split its own"


def _prompts_of_case(config: Mapping[str, Any], section: Mapping[str, Any]) -> Iterator[str]:
    name = prompts_of(section)
    if name not in config["prompts"]:
        key = "prompts" if "prompts" in section else "kind"
        yield f"{key}: {name!r} has no prompts; prompts has {', '.join(config['prompts'])}"
        return
    for split, prompt_set in itertools.product(splits_of(section), PROMPT_SETS):
        if split not in config["prompts"][name][prompt_set]:
            yield f"kind: it has models of split {split!r}, but prompts.{name}.{prompt_set} has no {split!r}"


def _sharing_problems(config: Mapping[str, Any], lists: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Lists of one source that share an id: a head would see its test exemplars, or two models have one name.

    Folders of one name in two places hold different images.
    """
    sections = {key: config["cases"][key.split(".")[1]] for key in lists}
    source = {key: (own["source"], os.path.realpath(own.get("path", ""))) for key, own in sections.items()}
    return [
        f"{second}: shares {', '.join(sorted(shared)[:5])} with {first}; the lists of a source must be disjoint"
        for first, second in itertools.combinations(lists, 2)
        if source[first] == source[second] and (shared := lists[first].keys() & lists[second].keys())
    ]


def _training_set_problems(config: Mapping[str, Any]) -> Iterator[str]:
    learned = set()
    for name, training_set in config["training_sets"].items():
        learned.update(training_set.get("heads", config["heads"]))
        for head in training_set.get("heads", ()):
            if head not in config["heads"]:
                yield f"training_sets.{name}.heads: {head!r} is no head; heads: {', '.join(config['heads'])}"
        for case in training_set["cases"]:
            key = f"training_sets.{name}.cases: {case!r}"
            if case not in config["cases"]:
                yield f"{key} is no case; cases: {', '.join(config['cases'])}"
            elif not is_released(config):  # the heads of a release were learned elsewhere
                splits = splits_of(config["cases"][case])
                for split in {"train", "val"} - {split for split, models in splits.items() if models}:
                    yield f"{key} has no {split} split; a head learns on train and is selected on val"
    for head in config["heads"]:
        if head not in learned:
            yield f"training_sets: none lists the head {head!r}; name it in the `heads` of one"


def _report_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What the report needs, checked before the first job."""
    known = [name for name in config["encoders"] if name in plugins.names("encoders")]
    if known and all(plugins.reads(name) != "image" for name in known):
        names = ", ".join(config["encoders"])
        yield f"encoders: none of {names} looks at images; the report needs an encoder that does"
    if not any("test" in splits_of(section) for section in config["cases"].values()):
        yield "cases: none has models of split 'test'; the report needs a case that has"
