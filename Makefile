# Set-up and the most important commands. `make` alone lists them.
PYTHON ?= python3
STUDY ?= miniature
CORES ?= 2
RUN := snakemake --profile config/profiles/default --cores $(CORES) --config study=$(STUDY) --
ALONE := -m workflow_scripts.operations.alone
DVC := python $(ALONE) dvc
# A killed run leaves Snakemake's lock; see workflow_scripts/operations/alone.py.
UNLOCK = if [ -n "$$(ls -A .snakemake/locks 2> /dev/null)" ]; then python $(ALONE) snakemake $(RUN:--=--unlock --); fi
# Whoever unpacked a ZIP of the project has no .git, without which DVC would do nothing.
WITHOUT_GIT := $(if $(wildcard .git),,dvc config --local core.no_scm true)
ASSETS := corpus base_model clip_mini dino_mini

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Snakemake, DVC and Matplotlib keep files below the home; if it cannot be written, they keep them here.
ifneq ($(shell test -d "$$HOME" -a -w "$$HOME" && echo yes),yes)
export XDG_CACHE_HOME := $(CURDIR)/.cache
export XDG_CONFIG_HOME := $(CURDIR)/.cache
endif

BENCHMARKS := finetune sample rank dag demo

.PHONY: help demo run test test-system test-long pull lint report bench data install dry-runs pytest smoke faults cluster
.DEFAULT_GOAL := help

help:
	@echo "make demo         the whole benchmark on this machine's CPU, to a report: less than an hour on two cores"
	@echo "make test         lint, dry runs, unit tests and the smoke study: 10 minutes"
	@echo "make test-system  interruptions, DVC remotes and a real SLURM (needs root and Debian's slurm-wlm): 15 minutes"
	@echo "make test-long    interruptions at more random moments, and full disks of every kind: an hour"
	@echo "make report       one HTML file of results, pictures, run times and provenance: report.html"
	@echo "make pull         fetch what the DVC remote keeps, check it, and tell Snakemake that it is up to date"
	@echo "make data         installs, and fetches drawings and weights: what all other commands need"
	@echo "make bench        after make demo: compares each main step with a named peer: half an hour on two cores"
	@echo "make lint         ruff, snakefmt, snakemake --lint"
	@echo
	@echo "demo and report take STUDY=smoke and CORES=8. The first command installs into .venv (3 minutes, 6 GB)."
	@echo "You can run each again: files that are there are not made again."
	@echo "All other commands: python -m workflow_scripts"

demo: data
	@echo "Running the study $(STUDY). How far it is: python -m workflow_scripts progress --study $(STUDY)"
	@$(MAKE) --no-print-directory run
	@echo "The report: $(CURDIR)/results/$(STUDY)/report/index.html"

run: .venv/requirements.lock
	@$(UNLOCK)
	@$(RUN)

test: lint dry-runs pytest smoke
	@echo "All is well."

# At once: the tests of interruptions keep one core busy, and those of SLURM wait half of the time.
test-system: smoke
	@$(MAKE) --no-print-directory --jobs 2 faults cluster

test-long: LONG := --long
test-long: smoke faults

faults: .venv/requirements.lock
	@python -m pytest tests/faults tests/dvc tests/abc $(LONG)

cluster: .venv/requirements.lock
	@python -m pytest tests/cluster

# Only checked files may be touched. The study is that of config/config.yaml, which dvc.lock describes.
pull: .venv/requirements.lock
	@$(WITHOUT_GIT)
	@$(DVC) dvc fetch
	@$(DVC) python -m workflow_scripts prove
	@$(UNLOCK)
	@snakemake --profile config/profiles/default --cores $(CORES) --touch --forceall --quiet all --
	@echo "Snakemake has nothing to do until something changes."

lint: .venv/requirements.lock
	@echo "Checking style: seconds."
	@ruff check --quiet
	@ruff format --check --quiet
	@snakefmt --check Snakefile rules
	@snakemake --lint

report: data
	@$(RUN:--=--report report.html --)
	@echo "The report: $(CURDIR)/report.html"

bench: data
	@echo "Benchmarks, one after the other: about half an hour on two cores. Leave the machine alone meanwhile."
	@for benchmark in $(BENCHMARKS); do echo "$$benchmark:"; python -m benchmarks.$$benchmark || exit 1; done
	@echo "Figures: $(CURDIR)/benchmarks/README.md"

# DVC compares contents: if they are those of dvc.lock already, this takes two seconds.
data: .venv/requirements.lock
	@echo "Fetching the corpus and the weights from dvcstore/: seconds."
	@$(WITHOUT_GIT)
	@$(DVC) dvc pull $(ASSETS)

dry-runs: data
	@echo "Planning the studies: seconds."
	@for study in miniature smoke abc abc_release; do \
		snakemake --cores 1 --dry-run --quiet rules host --config study=$$study || exit 1; \
	done

pytest: data
	@echo "Unit, contract and workflow tests: a few minutes."
	@python -m pytest

smoke: data
	@echo "The smoke study, to its report: three minutes."
	@$(MAKE) --no-print-directory demo STUDY=smoke
	@snakemake --cores 1 --dry-run --config study=smoke 2>&1 | grep "Nothing to be done"
	@python -m workflow_scripts verify --study smoke

.venv/requirements.lock: envs/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: needs Python 3.11 or newer; make PYTHON=...")'
	@if ! cmp --silent $< $@; then $(PYTHON) $(ALONE) pip $(MAKE) --no-print-directory install; fi
	@cp $< $@

install:
	@echo "Installing the locked environment into .venv: three minutes, 6 GB."
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check --requirement envs/requirements.lock
