"""The jobs of a study: which rule makes which files, and of which.

What Snakemake plans, but known from the study alone, in milliseconds, however many models it has. A test compares them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, product

from workflow_scripts.reporting import FIGURES, TABLES
from workflow_scripts.study.settings import image_encoders, seen, shown, summarized
from workflow_scripts.study.study import SPLITS, Study


@dataclass(frozen=True)
class Job:
    """One job of a rule. Paths are relative to the project's folder.

    Attributes:
        record: what its log and its benchmark are called, such as `finetune/emoji_seen.test_0000`.
        needs: the outputs of other jobs that it reads.
        size: how much there is to do: class words for `regularization`, models for `select_exemplars`, `finetune` and
            `embed_exemplars`, images for the other rules before the report, whose own jobs have size 1.
    """

    rule: str
    study: str
    record: str
    outputs: tuple[str, ...]
    needs: tuple[str, ...] = ()
    size: int = 1

    @property
    def log(self) -> str:
        return f"results/{self.study}/logs/{self.record}.log"

    @property
    def benchmark(self) -> str:
        return f"results/{self.study}/benchmarks/{self.record}.tsv"

    @property
    def is_shard(self) -> bool:
        """Whether the output is a manifest, with the files of each model beside it."""
        return self.rule in ("finetune", "sample", "import_samples")


def jobs(study: Study) -> list[Job]:
    """Every job between the study and its report, in the order of the data flow: each after those that it needs."""
    return list(_Planner(study).jobs())


@dataclass(frozen=True)
class _Shard:
    case: str
    name: str
    models: int
    images: int

    @property
    def record(self) -> str:
        return f"{self.case}.{self.name}"


class _Planner:
    """Lists the jobs of a study, phase by phase like rules/."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.folder = f"results/{study.name}"
        self.released = "release" in study.sections
        self.encoders = list(study.sections["encoders"])
        self.count = study.sections["distractors"]["count"]
        self.models = {name: sum(map(len, case.models.values())) for name, case in study.cases.items()}
        self.shards = {(case, split): self._shards(case, split) for case, split in product(study.cases, SPLITS)}
        self.heads = [(encoder, *fitted) for encoder, fitted in product(self.encoders, study.fitted)]
        self.scored = [(method, *head) for method, head in product(study.sections["methods"], self.heads)]

    def jobs(self) -> Iterator[Job]:
        if self.released:
            made = (self.imported, self.embed, self.import_head)
        else:
            made = (
                *(self.exemplars, self.regularization, self.finetune, self.sample, self.embed),
                *(self.train_head, self.calibrate),
            )
        phases = (*made, self.attribute, self.evaluate, self.report)
        return chain.from_iterable(phase() for phase in phases)

    def imported(self) -> Iterator[Job]:
        """What a release holds: exemplars, the distractors' names, samples."""
        for case, models in self.models.items():
            yield self._job("import_exemplars", f"import_exemplars/{case}", [self._exemplars(case)], [], models)
        yield self._job("import_distractors", "import_distractors", [self._distractors], [], self.count)
        for shard in self._all_shards():
            outputs = [self._samples(shard)]
            yield self._job("import_samples", f"import_samples/{shard.record}", outputs, [], shard.images)

    def exemplars(self) -> Iterator[Job]:
        for case, models in self.models.items():
            yield self._job("select_exemplars", f"select_exemplars/{case}", [self._exemplars(case)], [], models)
        needs = map(self._exemplars, self.study.cases)
        yield self._job("select_distractors", "select_distractors", [self._distractors], needs, self.count)

    def regularization(self) -> Iterator[Job]:
        for block, words in self.study.blocks.items():
            outputs = [f"{self.folder}/regularization/{block}.safetensors"]
            yield self._job("regularization", f"regularization/{block}", outputs, [], len(words))

    def finetune(self) -> Iterator[Job]:
        for shard in self._all_shards():
            blocks = self.study.blocks_of(shard.case, shard.name)
            needs = [f"{self.folder}/regularization/{block}.safetensors" for block in blocks]
            needs.append(self._exemplars(shard.case))
            yield self._job("finetune", f"finetune/{shard.record}", [self._models(shard)], needs, shard.models)

    def sample(self) -> Iterator[Job]:
        for shard in self._all_shards():
            outputs, needs = [self._samples(shard)], [self._models(shard)]
            yield self._job("sample", f"sample/{shard.record}", outputs, needs, shard.images)

    def embed(self) -> Iterator[Job]:
        for encoder, (case, models) in product(self.encoders, self.models.items()):
            outputs, needs = [self._features(encoder, f"exemplars/{case}")], [self._exemplars(case)]
            yield self._job("embed_exemplars", f"embed/{encoder}.exemplars.{case}", outputs, needs, models)
        rule, log = ("import_features",) * 2 if self.released else ("embed_distractors", "embed")
        for encoder in self.encoders:
            outputs, needs = [self._features(encoder, "distractors")], [self._distractors]
            yield self._job(rule, f"{log}/{encoder}.distractors", outputs, needs, self.count)
        for encoder, shard in product(self.encoders, self._all_shards()):
            outputs, needs = [self._sample_features(encoder, shard)], [self._samples(shard)]
            yield self._job("embed_samples", f"embed/{encoder}.samples.{shard.record}", outputs, needs, shard.images)

    def train_head(self) -> Iterator[Job]:
        for encoder, head, name in self.heads:
            chosen = self.study.training_sets[name]
            outputs = [self._head(encoder, head, name, end) for end in ("safetensors", "history.csv")]
            needs = self._seen(encoder, chosen.cases, chosen.cases, ("train", "val"))
            train, val = (self._images(chosen.cases, [split]) for split in ("train", "val"))
            size = round(chosen.share * train) + val
            yield self._job("train_head", f"train_head/{encoder}.{head}.{name}", outputs, needs, size)

    def import_head(self) -> Iterator[Job]:
        for encoder, head, name in self.heads:
            outputs = [
                self._head(encoder, head, name, end) for end in ("safetensors", "history.csv", "calibration.json")
            ]
            yield self._job("import_head", f"import_head/{encoder}.{head}.{name}", outputs)

    def calibrate(self) -> Iterator[Job]:
        for encoder, head, name in self.heads:
            cases = self.study.training_sets[name].cases
            outputs = [self._head(encoder, head, name, "calibration.json")]
            needs = [
                *self._seen(encoder, cases, cases, ("val",)),
                self._features(encoder, "distractors"),
                self._head(encoder, head, name, "safetensors"),
            ]
            size = self._images(cases, ["val"])
            yield self._job("calibrate", f"calibrate/{encoder}.{head}.{name}", outputs, needs, size)

    def attribute(self) -> Iterator[Job]:
        splits = self.study.sections["evaluation"]["splits"]
        seen = {
            (encoder, case): self._seen(encoder, self.study.cases, [case], splits)
            for encoder, case in product(self.encoders, self.study.test_cases)
        }
        for (method, *fitted), case in product(self.scored, self.study.test_cases):
            encoder = fitted[0]
            needs = [
                *seen[encoder, case],
                self._distractors,
                self._features(encoder, "distractors"),
                *(self._head(*fitted, end) for end in ("safetensors", "calibration.json")),
            ]
            outputs = [self._score(method, *fitted, case)]
            record = f"attribute/{'.'.join([method, *fitted])}.{case}"
            yield self._job("attribute", record, outputs, needs, self._images([case], splits))

    def evaluate(self) -> Iterator[Job]:
        cases = self.study.test_cases
        size = self._images(cases, self.study.sections["evaluation"]["splits"])
        for method, encoder, head, name in self.scored:
            compared = [(head, name)] if head == "identity" else [(head, name), ("identity", self.study.untuned_set)]
            needs = [self._score(method, encoder, *other, case) for other, case in product(compared, cases)]
            outputs = [self._metric(method, encoder, head, name)]
            yield self._job("evaluate", f"evaluate/{method}.{encoder}.{head}.{name}", outputs, needs, size)

    def report(self) -> Iterator[Job]:
        report = f"{self.folder}/report"
        table, dataset = f"{report}/table.csv", f"{report}/tables/dataset.csv"
        tables = [f"{report}/tables/{name}.csv" for name in TABLES]
        figures = [f"{report}/figures/{name}.svg" for name in FIGURES]
        gallery, rulegraph = f"{report}/gallery.html", f"{report}/rulegraph.svg"
        metrics = [self._metric(*parts) for parts in self.scored]
        calibrations = [self._head(*parts, "calibration.json") for parts in self.heads]
        head, name = shown(self.study)["head"], shown(self.study)["training_set"]
        histories = [self._head(encoder, head, name, "history.csv") for encoder in self.encoders] if head else []
        exemplars = map(self._exemplars, self.study.cases)
        cells = product(self.study.sections["methods"], self.encoders, summarized(self.study))
        summaries = [f"{report}/summary/{'.'.join(cell)}.json" for cell in cells]
        tabulated = [*tables, table, f"{report}/table.md", *summaries]
        yield self._job("tabulate", "tabulate", tabulated, metrics + calibrations)
        yield self._job("plot", "plot", figures, [table, *metrics, *histories])
        yield self._job("gallery", "gallery", [gallery], self._pictured())
        yield self._job("dataset_table", "dataset_table", [dataset], exemplars)
        yield self._job("rulegraph", "rulegraph", [rulegraph])
        learned_on = map(self._exemplars, seen(self.study))
        needs = [table, *tables, dataset, *figures, *learned_on, gallery, rulegraph]
        yield self._job("index", "index", [f"{report}/index.html"], needs)

    def _pictured(self) -> list[str]:
        """What the gallery shows."""
        cases, head = self.study.test_cases, shown(self.study)["head"]
        heads = [("identity", self.study.untuned_set), *([(head, shown(self.study)["training_set"])] if head else [])]
        scores = product(self.study.sections["methods"], image_encoders(self.study), heads, cases)
        shards = [shard for case in cases for shard in self.shards[case, "test"]]
        return [
            *map(self._exemplars, cases),
            self._distractors,
            *([] if self.released else map(self._models, shards)),
            *map(self._samples, shards),
            *(self._score(method, encoder, *head, case) for method, encoder, head, case in scores),
        ]

    def _job(self, rule: str, record: str, outputs: list[str], needs: Iterable[str] = (), size: int = 1) -> Job:
        return Job(rule, self.study.name, record, tuple(outputs), tuple(needs), size)

    def _shards(self, case: str, split: str) -> list[_Shard]:
        shards = [(name, len(self.study.shard(case, name))) for name in self.study.shards(case, split)]
        return [_Shard(case, name, models, models * self.study.images(case, split)) for name, models in shards]

    def _all_shards(self) -> Iterator[_Shard]:
        return chain.from_iterable(self.shards.values())

    def _images(self, cases: Iterable[str], splits: Collection[str]) -> int:
        return sum(shard.images for key in product(cases, splits) for shard in self.shards[key])

    def _seen(
        self, encoder: str, exemplars: Collection[str], cases: Collection[str], splits: Collection[str]
    ) -> list[str]:
        """The exemplars of some cases and the samples of others, with their features."""
        shards = [shard for key in product(cases, splits) for shard in self.shards[key]]
        return [
            *map(self._exemplars, exemplars),
            *(self._features(encoder, f"exemplars/{case}") for case in exemplars),
            *map(self._samples, shards),
            *(self._sample_features(encoder, shard) for shard in shards),
        ]

    def _exemplars(self, case: str) -> str:
        return f"{self.folder}/exemplars/{case}.parquet"

    @property
    def _distractors(self) -> str:
        return f"{self.folder}/exemplars/distractors.parquet"

    def _models(self, shard: _Shard) -> str:
        return f"{self.folder}/models/{shard.case}/{shard.name}.json"

    def _samples(self, shard: _Shard) -> str:
        return f"{self.folder}/samples/{shard.case}/{shard.name}.json"

    def _features(self, encoder: str, images: str) -> str:
        return f"{self.folder}/features/{encoder}/{images}.safetensors"

    def _sample_features(self, encoder: str, shard: _Shard) -> str:
        return self._features(encoder, f"samples/{shard.case}/{shard.name}")

    def _head(self, encoder: str, head: str, training_set: str, end: str) -> str:
        return f"{self.folder}/heads/{encoder}/{head}/{training_set}.{end}"

    def _score(self, method: str, encoder: str, head: str, training_set: str, case: str) -> str:
        return f"{self.folder}/scores/{method}/{encoder}/{head}/{training_set}/{case}.parquet"

    def _metric(self, method: str, encoder: str, head: str, training_set: str) -> str:
        return f"{self.folder}/metrics/{method}/{encoder}/{head}/{training_set}.json"
