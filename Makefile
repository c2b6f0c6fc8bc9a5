# make setup   the environment, in .venv (made again when the lock file changes)
# make repro   the whole pipeline: data, training, evaluation, tables
#              [PROFILE=smoke|default|paper] [SEEDS=3, for smoke 1]
# make paper   the report's tables and figures as one PDF in reports/paper, see docs/reports.md
# make test    the default tests                                        [SLOW=1 for the slow ones]
# make bench   measure speed against peers and write docs/performance.md (ten minutes, quiet machine)
# make bench-pipeline   time `make repro` in a fresh clone, .bench/clone (fifteen minutes more)
# make check   lint, format, types, layers

PYTHON ?= python3.11
PROFILE ?= default
SEEDS ?= $(if $(filter smoke,$(PROFILE)),1,3)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: setup repro paper test bench bench-pipeline check

setup: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Profile and seeds are DVC parameters like any other: this writes them where `dvc repro` reads them.
repro: setup
	sed -i.bak -e 's/^profile: .*/profile: $(PROFILE)/' -e 's/^  seeds: .*/  seeds: $(SEEDS)/' params.yaml
	rm params.yaml.bak
	dvc repro
	@if command -v pdflatex >/dev/null; then $(MAKE) paper; \
	else echo "no pdflatex, so no PDF: see docs/reports.md"; fi

# Twice, for references; the fixed date makes equal tables equal bytes.
paper:
	cd reports/paper && for pass in 1 2; do \
	  SOURCE_DATE_EPOCH=0 FORCE_SOURCE_DATE=1 pdflatex -interaction=nonstopmode -halt-on-error \
	    -jobname=$(PROFILE) '\def\results{../out/$(PROFILE)}\input{main.tex}' >/dev/null \
	  || { grep -A4 '^!' $(PROFILE).log; exit 1; }; done
	@echo reports/paper/$(PROFILE).pdf

# The slow ones one after the other: some of them use every core by themselves.
test: setup
	OMP_NUM_THREADS=1 pytest -n $(if $(SLOW),0 -m slow,2)

# The peers stay out of the environment: some want other versions of what is in it.
bench: setup
	$(BIN)/python tests/benchmarks/peers.py .bench
	PYTHONPATH=$(CURDIR):.bench OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/benchmarks --benchmark-json=.bench/results.json
	$(BIN)/python tests/benchmarks/calculate.py
	$(BIN)/python tests/benchmarks/tables.py .bench/results.json

bench-pipeline: setup
	rm -rf .bench/clone
	$(BIN)/python tests/benchmarks/pipeline.py .bench/clone

check: setup
	ruff check
	ruff format --check
	mypy
	lint-imports
