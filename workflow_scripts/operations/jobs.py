"""The jobs of a study, as Snakemake plans them: asked once, then kept beside the results.

Only `rules/` says which rule makes which file from what. Snakemake's graph of jobs knows the answer for each job: its
wildcards, its inputs by name, its outputs, its settings, and how much there is to do (the resource `size`).
"""

import gzip
import hashlib
import json
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from workflow_scripts import artifacts
from workflow_scripts.cli import canonical_json
from workflow_scripts.study import layout, weights
from workflow_scripts.study.settings import TYPES, Settings, ShardSettings
from workflow_scripts.study.study import Study

log = logging.getLogger(__name__)
PACKAGE = Path(__file__).parents[1]
LARGEST = 1 << 28  # bytes of the kept list: the paper's has a hundredth
PROJECT = ("Snakefile", "rules/*.smk", "config/**/*")  # with the study and the code, what decides the list


class _Row(TypedDict):
    """A job in the kept list."""

    rule: str
    wildcards: dict[str, str]
    record: str
    outputs: list[str]
    inputs: dict[str, int]  # by name in the rule, which of `files`
    settings: int  # which of `texts`
    params: dict[str, str]
    size: int
    gpu: bool
    is_target: bool


class _Plan(TypedDict):
    """The kept list."""

    key: str
    files: list[list[str]]
    texts: list[str]
    jobs: list[_Row]


@dataclass(frozen=True)
class Job:
    """One job of a rule. Paths are relative to the project's folder.

    Attributes:
        wildcards: what the rule's wildcards stand for.
        record: what its log and its benchmark are called, such as `finetune/emoji_seen.test_0000`.
        inputs: files by their name in the rule; files without a name are under "".
        params: texts that the rule passes on, such as the folder of the base model.
        settings: of the rule, as canonical JSON; empty if it has none.
        size: how much there is to do, in the units of the rule: class words, models or images.
        gpu: whether the rule asks for a GPU.
        is_target: whether it makes what the study is run for, the inputs of the rule `all`.
    """

    rule: str
    study: str
    record: str
    outputs: tuple[str, ...] = field(compare=False)
    wildcards: Mapping[str, str] = field(default_factory=dict, compare=False)
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict, compare=False)
    params: Mapping[str, str] = field(default_factory=dict, compare=False)
    settings: str = field(default="", compare=False)
    size: int = field(default=1, compare=False)
    gpu: bool = field(default=False, compare=False)
    is_target: bool = field(default=False, compare=False)

    @property
    def log(self) -> str:
        return layout.LOG.format(study=self.study, record=self.record)

    @property
    def benchmark(self) -> str:
        return layout.BENCHMARK.format(study=self.study, record=self.record)

    @property
    def needs(self) -> Iterator[str]:
        """All inputs."""
        return chain.from_iterable(self.inputs.values())

    @property
    def is_shard(self) -> bool:
        """Whether the output is a manifest, with the files of each model beside it."""
        return issubclass(TYPES.get(self.rule, Settings), ShardSettings)

    @cached_property
    def made_with(self) -> Settings:
        """The settings, as the rule's step reads them."""
        return TYPES[self.rule].from_json(artifacts.parse_json(self.settings, f"settings of job {self.record}"))

    @cached_property
    def parts(self) -> list[str]:
        """The files beside the manifest of a shard; none of other jobs."""
        folder = self.outputs[0].rpartition("/")[0]
        return [str(artifacts.inside(folder, file.name)) for file in self.made_with.files()] if self.is_shard else []

    @property
    def settings_hash(self) -> str:
        """What a manifest says of the settings that it was made with."""
        return artifacts.settings_hash(json.loads(self.settings))


def jobs(study: Study) -> list[Job]:
    """Every job between a study and its report, in the order of the data flow: each after those that it needs.

    The list is kept in the study's folder, and asked for again when the study, the rules or the code have changed.

    Raises:
        ValueError: Snakemake cannot plan the study.
    """
    folder, key = layout.folder(study.name), _key(study)
    kept = folder / layout.JOBS
    plan = _read(kept, key, folder)
    if plan is None:
        plan = {"key": key, **_ask_snakemake(study)}
        _keep(kept, plan)
    return list(_unpack(plan, study.name))


def _key(study: Study) -> str:
    """Hash of what decides the list of jobs."""
    digest = hashlib.sha256(canonical_json(study.sections).encode())
    for root, patterns in ((study.root, PROJECT), (PACKAGE, ("**/*.py",))):
        for file in sorted(file for pattern in patterns for file in root.glob(pattern) if file.is_file()):
            digest.update(f"{file.relative_to(root)} {artifacts.file_hash(file)}\n".encode())
    return digest.hexdigest()


def _read(kept: Path, key: str, folder: Path) -> Mapping[str, Any] | None:
    """The kept list; None if there is none, it is damaged, or it is of another key.

    Others may have written it, so it is read as what it should be, and all that it says is made lies in the folder.
    """
    try:
        with gzip.open(artifacts.regular(kept)) as file:
            plan = msgspec.json.decode(file.read(LARGEST), type=_Plan)
        paths = [Path(path) for row in plan["jobs"] for path in (*row["outputs"], folder / row["record"])]
        [artifacts.inside(folder, str(path.relative_to(folder))) for path in paths]
        return plan if plan["key"] == key else None
    except (OSError, EOFError, ValueError, zlib.error):
        return None


def _keep(kept: Path, plan: Mapping[str, Any]) -> None:
    try:
        with artifacts.atomic(kept, sidecar=False) as part:
            part.write_bytes(gzip.compress(canonical_json(plan).encode(), compresslevel=1, mtime=0))
    except OSError as error:  # the folder is another user's, or the disk is full: then it is asked again next time
        log.warning("the list of jobs is not kept: %s", error)


def _ask_snakemake(study: Study) -> dict[str, Any]:
    """The jobs of Snakemake's graph, with each list of files and each text of settings once."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.enums import Quietness
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        ExecutionSettings,
        OutputSettings,
        ResourceSettings,
        StorageSettings,
        WorkflowSettings,
    )
    from snakemake_interface_executor_plugins.settings import ExecMode

    log.info("asking Snakemake for the jobs of study %s", study.name)
    weights.needed.cache_clear()  # files may have come or gone since this process asked last
    logging.getLogger("snakemake.logging").propagate = False  # else it names each file that it reads
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                ResourceSettings(cores=1),
                ConfigSettings(config=study.sections),
                StorageSettings(),
                # As a job of a run asks: data that no rule makes need not be there yet.
                WorkflowSettings(exec_mode=ExecMode.SUBPROCESS),
                snakefile=study.root / "Snakefile",
            )._workflow
            # The API builds the graph in each of its commands, but hands it out in none.
            workflow.dag_settings, workflow.execution_settings = DAGSettings(), ExecutionSettings()
            workflow._prepare_dag(forceall=False, ignore_incomplete=True, lock_warn_only=True, nolock=True)
            workflow._build_dag()
            return _pack(workflow, f"results/{study.name}/")
    except Exception as error:  # of Snakemake, or of a mistake in rules/, in whatever class it comes
        home = isinstance(error, OSError) and ".cache" in str(error.filename)
        remedy = "; where the home cannot be written: export XDG_CACHE_HOME=FOLDER" if home else ""
        reason = " ".join(str(error).split())
        raise ValueError(f"study {study.name}: Snakemake cannot plan it: {reason}{remedy}") from error


def _pack(workflow: Any, folder: str) -> dict[str, Any]:
    """Plain values of the jobs whose outputs are in the study's folder, in the order in which rules are declared."""
    order = {rule.name: i for i, rule in enumerate(workflow.rules)}
    files: dict[tuple[str, ...], int] = {}
    texts: dict[str, int] = {}
    rows = []
    targets = {str(file) for job in workflow.dag.targetjobs for file in job.input}
    for job in workflow.dag.jobs:
        outputs = list(map(str, job.output))
        if not outputs or not outputs[0].startswith(folder):
            continue
        params = {name: value for name, value in job.params.items() if isinstance(value, str)}
        rows.append(
            {
                "rule": job.rule.name,
                "wildcards": dict(job.wildcards_dict),
                "record": str(job.log[0]).removeprefix(f"{folder}logs/").removesuffix(".log"),
                "outputs": outputs,
                "inputs": {name: files.setdefault(paths, len(files)) for name, paths in _inputs(job)},
                "settings": texts.setdefault(params.pop("settings", ""), len(texts)),
                "params": params,
                "size": job.resources.get("size", 1),
                "gpu": job.resources.get("gpu") is not None,
                "is_target": not targets.isdisjoint(outputs),
            }
        )
    rows.sort(key=lambda row: (order[row["rule"]], row["record"]))
    return {"files": list(files), "texts": list(texts), "jobs": rows}


def _inputs(job: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The input files of a job of Snakemake, by name."""
    names = list(job.input.keys())
    if not names and job.input:
        yield "", tuple(map(str, job.input))
    for name in names:
        value = job.input.get(name)
        yield name, (str(value),) if isinstance(value, str) else tuple(map(str, value))


def _unpack(plan: Mapping[str, Any], study: str) -> Iterator[Job]:
    for row in plan["jobs"]:
        inputs = {name: plan["files"][i] for name, i in row["inputs"].items()}
        yield Job(
            **{**row, "outputs": tuple(row["outputs"]), "inputs": inputs, "settings": plan["texts"][row["settings"]]},
            study=study,
        )
