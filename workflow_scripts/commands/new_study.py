"""Writes a study of your own images: its lists, with counts that the folders can give, and its file in config/studies/.

    FOLDER/mug/*.jpg ...      objects: each image becomes a model, and each folder is a class
    FOLDER/anna/*.png ...     styles: each folder becomes a model
    FOLDER/**/*.jpg ...       distractors: images that no model learns

Example:
    python -m workflow_scripts new_study mine --objects data/mine/objects --styles data/mine/styles \\
        --distractors data/mine/distractors

Everything else is as in another study: `miniature`, for drawings on white, or `--like abc`, for photographs and a GPU.
docs/own_images.md says more.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from workflow_scripts import artifacts, cli, plugins
from workflow_scripts.seeds import derive_seed
from workflow_scripts.study import checks, schema
from workflow_scripts.study.study import ID, SPLITS, is_released, read_lines

HEAD = "# Written by `new_study`"
CLASSES = Path("config/classes")
LEAST, MOST = 3, 12  # images of a class that are used: one for each split, and no more than make a study of hours
DISTRACTORS = 1000
ENOUGH = {"train": 200, "test": 30}  # models, below which little can be learned or told apart
REPLACED = ("study", "cases", "corpus", "distractors", "training_sets", "report")  # sections of the study to be like


@dataclass(frozen=True)
class Plan:
    """What the folders can give.

    Attributes:
        classes: the classes of objects.
        per_class: images of each class, by split.
        groups: the groups of each split, one style each.
        remarks: what was left out, and what the study is too small for; a line each.
    """

    classes: list[str]
    per_class: Mapping[str, int]
    groups: Mapping[str, list[str]]
    distractors: int
    remarks: list[str]

    def models(self, split: str) -> int:
        return len(self.classes) * self.per_class.get(split, 0) + len(self.groups.get(split, ()))


def refuse_name(name: str) -> None:
    """Raises `ValueError` if a study cannot have this name, or if a study has it that this command did not write."""
    if not ID.fullmatch(name):
        raise ValueError(f"name: {name!r} must match {ID.pattern}")
    if not isinstance(yaml.safe_load(name), str) or _is_number(name):
        read = "in config/config.yaml or after --config it is a number, a date, a yes or no, or nothing"
        raise ValueError(f"name: {name!r} is not read as text: {read}; choose another, such as study_{name}")
    file = checks.STUDIES / f"{name}.yaml"
    if file.exists() and not cli.read_text(file).startswith(HEAD):
        raise ValueError(f"{file}: there already, and not written by new_study; choose another name")


def _is_number(name: str) -> bool:
    try:
        float(name)  # as Snakemake reads --config
    except ValueError:
        return False
    return True


def refuse_shared(folders: Mapping[str, Path]) -> None:
    """Raises `ValueError` if a folder is or lies in another: exemplars would be counted as distractors, too."""
    for (key, folder), (other, outer) in itertools.permutations(folders.items(), 2):
        if folder.resolve().is_relative_to(outer.resolve()):
            raise ValueError(f"--{key}: {folder} is or lies in {outer}, the folder of --{other}; give each its own")


def plan(objects: Path | None, styles: Path | None, distractors: Path) -> Plan:
    """Looks at every image that may be used.

    Raises:
        ValueError: a folder is missing, or has too little; the message names it, and what it has.
    """
    source, remarks = plugins.load("exemplar_sources", "image_folder"), []
    classes, per_class, groups = [], {}, {}
    exemplars = []  # marks of all images that may become some
    if objects:
        marks = source.usable(objects, "object")
        exemplars += itertools.chain(*marks.values())
        images = dict(_enough(objects, marks, LEAST, remarks))
        if not images:
            splits = ", ".join(SPLITS)
            raise ValueError(
                _because(f"{objects}: no folder has {LEAST} usable images, one for each of {splits}", remarks)
            )
        classes, per_class = list(images), dict(_split(min(*images.values(), MOST)))
    if styles:
        marks = source.usable(styles, "style")
        exemplars += itertools.chain(*marks.values())
        names = [name for name, _ in _enough(styles, marks, 1, remarks)]
        if len(names) < LEAST:
            says = f"{styles}: {len(names)} folders with usable images; {', '.join(SPLITS)} need one each"
            raise ValueError(_because(says, remarks))
        groups = _deal(names)
    count = source.count_below(distractors, exemplars, DISTRACTORS)
    made = Plan(classes, per_class, groups, count, remarks)
    remarks.extend(_too_small(made))
    return made


def _because(problem: str, remarks: list[str]) -> str:
    """A problem, and the first remark on what was left out, which may be its cause."""
    return "; ".join([problem, *remarks[:1]])


def _enough(source: Path, images: Mapping[str, Sized], least: int, remarks: list[str]) -> Iterator[tuple[str, int]]:
    """The name and the number of images of each folder that can be used; adds to `remarks` why others cannot."""
    for name, own in images.items():
        if not ID.fullmatch(name):
            remarks.append(f"left out: {source / name}: rename it; a name has a-z, 0-9, _, + and - only")
        elif len(own) < least:
            remarks.append(f"left out: {source / name}: {len(own)} usable images, {least} are needed")
        else:
            yield name, len(own)


def _split(count: int) -> Iterator[tuple[str, int]]:
    """How many of `count` are for each split: a fifth each for val and test, at least one."""
    held_out = max(1, count // 5)
    yield from zip(SPLITS, (count - 2 * held_out, held_out, held_out), strict=True)


def _deal(names: list[str]) -> dict[str, list[str]]:
    """The names of each split, whatever their alphabetical order."""
    left = sorted(names, key=lambda name: (derive_seed(0, "new_study", name), name))
    return {split: sorted(left.pop() for _ in range(count)) for split, count in _split(len(left))}


def _too_small(made: Plan) -> Iterator[str]:
    if (train := made.models("train")) < ENOUGH["train"]:
        yield f"too small to learn a head: {train} models of train; look at the rows of the head identity"
    if (test := made.models("test")) < ENOUGH["test"]:
        yield f"too small to tell near methods apart: {test} models of test; intervals will be wide"
    if made.distractors < DISTRACTORS:
        yield f"too small for hard retrieval: {made.distractors} distractors; compare each recall with its chance row"


def files(name: str, like: str, made: Plan, folders: Mapping[str, Path]) -> dict[Path, str]:
    """The text of each file of the study. What its user wrote is kept: an attribution, and the words in a list.

    Args:
        like: name of the study whose other sections are taken.
        folders: of `objects` and `styles` where there are any, and of `distractors`.
    """
    lists = {"objects": made.classes, **{f"styles.{split}": groups for split, groups in made.groups.items()}}
    listed = {CLASSES / f"{name}.{key}.txt": (key, names) for key, names in lists.items() if names}
    texts = {file: _list(key, names, file) for file, (key, names) in listed.items()}
    texts[checks.STUDIES / f"{name}.yaml"] = _study(name, like, made, folders)
    attribution = checks.STUDIES / f"{name}.attribution.md"
    if not attribution.exists():
        texts[attribution] = f"Nobody has written down yet whose images {name} shows.\n"
    return texts


def _list(key: str, names: list[str], old: Path) -> str:
    """The text of a list; a name that the old list has keeps its line, which may have a word for prompts."""
    lines = {line.partition("\t")[0]: line for line in (read_lines(old) if old.exists() else ())}
    hint = "; after a tab, the word for prompts may follow" if key == "objects" else ""
    return "\n".join([f"# Folders of {key}, one a line{hint}.", *(lines.get(name, name) for name in names), ""])


def _study(name: str, like: str, made: Plan, folders: Mapping[str, Path]) -> str:
    """The study to be like, as text and with its comments, but for the sections that are the study's own."""
    file = Path(checks.study_file(like, Path()))
    template = schema.read_yaml(file)
    if is_released(template):
        raise ValueError(f"--like: {like!r} evaluates what others released; choose a study that makes models")
    own = {"study": name, **_sections(name, made, folders)}
    own["report"] = {"data": f"the images of {name}", "weights": template["report"]["weights"]}
    _, *sections = re.split(r"^(?=\w+:)", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    kept = [text for text in sections if text.partition(":")[0] not in REPLACED]
    head = f"{HEAD} from folders of images; everything below `report` is as in {file}.\n\n"
    return head + yaml.safe_dump(own, sort_keys=False, width=120) + "\n" + "".join(kept)


def _sections(name: str, made: Plan, folders: Mapping[str, Path]) -> dict[str, Any]:
    cases, source = {}, "image_folder"
    if made.classes:
        case = {"kind": "object", "source": source, "path": str(folders["objects"])}
        cases["objects"] = case | {"classes": f"{CLASSES}/{name}.objects.txt", "models_per_class": dict(made.per_class)}
    if made.groups:
        case = {"kind": "style", "source": source, "path": str(folders["styles"])}
        cases["styles"] = case | {"groups": {split: f"{CLASSES}/{name}.styles.{split}.txt" for split in made.groups}}
    distractors = {"source": source, "path": str(folders["distractors"]), "count": made.distractors, "version": 1}
    training_set = "+".join(case["kind"] for case in cases.values())
    return {"cases": cases, "distractors": distractors, "training_sets": {training_set: {"cases": list(cases)}}}


def main() -> None:
    parser = cli.StepParser(__doc__)
    parser.add_argument("name", help="of the study, of its file and of its folder in results/")
    parser.add_argument("--objects", type=Path, help="folder with a folder for each class")
    parser.add_argument("--styles", type=Path, help="folder with a folder for each style")
    parser.add_argument("--distractors", type=Path, required=True, help="folder of images that no model learns")
    parser.add_argument("--like", default="miniature", help="study whose other values are taken; default: miniature")
    parser.add_argument("--replace", action="store_true", help="overwrite a study of this name, but not your own words")
    args = parser.parse_args()

    refuse_name(args.name)
    if not (args.objects or args.styles):
        raise ValueError("--objects, --styles: missing; a study needs one of them")
    folders = {key: folder for key in ("objects", "styles", "distractors") if (folder := getattr(args, key))}
    refuse_shared(folders)
    made = plan(args.objects, args.styles, args.distractors)
    texts = files(args.name, args.like, made, folders)
    there = [str(file) for file in texts if file.exists()]
    if there and not args.replace:
        raise ValueError(f"{', '.join(there)}: there already; --replace overwrites")
    for file, text in texts.items():
        artifacts.write_text(file, text, sidecar=False)
    _report(args.name, made, list(texts))


def _report(name: str, made: Plan, written: list[Path]) -> None:
    """Prints what was written, what it is too small for, and what to do next."""
    print(*(f"wrote {file}" for file in written), sep="\n")
    counts = ", ".join(f"{made.models(split)} models of {split}" for split in SPLITS)
    print(f"{name}: {len(made.classes)} classes and {sum(map(len, made.groups.values()))} styles: {counts}")
    for remark in made.remarks:
        print(cli.printable(remark))  # which may hold the name of a folder
    try:
        checks.named_study(name, Path())
    except ValueError as error:  # such as captions of a class word
        print("To be done first:", error, sep="\n")
    print(
        f"Next:\n"
        f"  make data                          # fetches our base model and encoders\n"
        f"  snakemake -n --config study={name}  # says what will be made, and what is missing\n"
        f"  make demo STUDY={name}  # makes it, to results/{name}/report/index.html\n"
        f"And write whose images they are into {checks.STUDIES}/{name}.attribution.md; the report shows it."
    )


if __name__ == "__main__":
    cli.run(main)
