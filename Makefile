# make setup   the environment, in .venv (made again when the lock file changes)
# make repro   the whole pipeline: data, training, evaluation, tables; it is `dvc repro`
#              [PROFILE=smoke|default|base|paper] [SEEDS=3, for smoke 1]: in .pipelines/PROFILE, which
#              git ignores, so that no tracked file changes but tables of that profile
# make paper   the report's tables and figures as one PDF in reports/paper, see docs/reports.md
# make test    the default tests                                        [SLOW=1 for the slow ones]
# make test-lowest   the tests of network, training and results in the oldest versions that are allowed
# make gpu     measure this machine's GPU into docs/performance/gpu.json (eight minutes, no network)
# make golden  write the golden numbers anew where a numbers version was raised, see CONTRIBUTING.md
# make bench   measure speed against peers and write docs/performance.md (twelve minutes, quiet machine)
# make bench-pipeline   time `make test` and `make repro` in a fresh clone (half an hour more)
# make mutants   change one thing of metrics, losses, rules at a time, see a test fail (some four minutes)
# make check   lint, format, types, layers
# make docs    the site of docs/ and of the docstrings, in site/; whatever leads nowhere is an error
# make audit   is what is installed what the lock says; known weaknesses, where a network is [OFFLINE=1]

PYTHON ?= python3.11
PROFILE ?= default
SEEDS ?=
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: setup repro pipeline paper test test-lowest gpu golden bench bench-pipeline mutants check docs audit

setup: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -c "import mmengine"  # whose yapf keeps its grammar at its first import; not two at once
	touch $@

# The folder of the pipeline, and the seeds of one that is not the checkout's own.
PIPELINE := $(if $(SEEDS)$(filter-out default,$(PROFILE)),.pipelines/$(PROFILE),.)
COUNT := $(or $(SEEDS),$(if $(filter smoke,$(PROFILE)),1,3))

repro: setup $(if $(filter-out .,$(PIPELINE)),pipeline)
	dvc --cd $(PIPELINE) repro
	@if command -v pdflatex >/dev/null; then $(MAKE) paper; \
	else echo "no pdflatex, so no PDF: see docs/reports.md"; fi

# A DVC project of its own: links to the checkout's files, but its own dvc.lock, parameters and
# metrics.  Without git, since DVC refuses a dvc.lock that git ignores, and this one is no result.
LINKED := ablations baselines clear_bench data runs reports/attention reports/metrics reports/out reports/specs
pipeline:
	mkdir -p $(PIPELINE)/.dvc $(PIPELINE)/reports $(LINKED)
	for name in $(LINKED); do ln -sfn $(CURDIR)/$$name $(PIPELINE)/$$name; done
	ln -sf ../../dvc.yaml ../../.dvcignore $(PIPELINE)
	ln -sf ../../../.dvc/config $(PIPELINE)/.dvc
	printf '[core]\n    no_scm = true\n[cache]\n    dir = ../../../.dvc/cache\n' >$(PIPELINE)/.dvc/config.local
	sed -e 's/^profile: .*/profile: $(PROFILE)/' -e 's/^  seeds: .*/  seeds: $(COUNT)/' \
	  -e 's|^checkout: .*|checkout: ../..|' -e 's|^folder: .*|folder: $(PIPELINE)|' \
	  params.yaml >$(PIPELINE)/params.yaml

# Three times, and once BibTeX, for references; the fixed date makes equal tables equal bytes.
paper:
	cd reports/paper && for pass in 1 2 3; do \
	  SOURCE_DATE_EPOCH=0 FORCE_SOURCE_DATE=1 pdflatex -interaction=nonstopmode -halt-on-error \
	    -jobname=$(PROFILE) '\def\results{../out/$(PROFILE)}\input{main.tex}' >/dev/null \
	  || { grep -A4 '^!' $(PROFILE).log; exit 1; }; \
	  [ $$pass != 1 ] || bibtex $(PROFILE) >$(PROFILE).bibtex || { cat $(PROFILE).bibtex; exit 1; }; done
	@echo reports/paper/$(PROFILE).pdf

# One worker a core; a file of tests is one worker's, which makes what they share once.  Python keeps what
# it compiles, whatever the environment says: tests start many processes.  The slow ones run one by one.
ONCE_EACH := logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder
test: setup
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 pytest -n $(if $(SLOW),0 -m slow,$(ONCE_EACH))

# A second environment: requirements.lock, but what requirements-lowest.txt has in other versions.
# CUDA's libraries come with PyTorch, whose oldest build for a CPU is on no package index.
LOWEST := .venv-lowest
$(LOWEST)/.installed: requirements.lock requirements-lowest.txt
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	names=$$(sed -n 's/^\([A-Za-z0-9_.-]*\)==.*/\1/p' requirements-lowest.txt | paste -sd'|'); \
	  grep -v -i -E "^(nvidia-|cuda-|($$names)==)" requirements.lock >$(LOWEST)/rest.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(LOWEST)/rest.txt
	touch $@

# What these packages can change; the rest of the tests knows none of them, or starts processes.
test-lowest: $(LOWEST)/.installed
	PYTHONPATH=$(CURDIR) PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -n 2 \
	  tests/engine tests/models tests/metrics tests/results tests/baselines tests/gpu

# With the Python that has the machine's PyTorch: make gpu GPU_PYTHON=python3
GPU_PYTHON ?= $(BIN)/python
gpu:
	PYTHONPATH=$(CURDIR) $(GPU_PYTHON) -m pytest -q -rs -n 0 -m gpu tests/gpu

golden: setup
	PYTHONPATH=tests/helpers:tests/golden OMP_NUM_THREADS=1 $(BIN)/python tests/golden/renew.py

# The peers stay out of the environment: some want other versions of what is in it.  The tables are
# written even where a limit is not kept, which is the status at the end.
bench: setup
	$(BIN)/python tests/benchmarks/peers.py .bench
	PYTHONPATH=$(CURDIR):.bench OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/benchmarks \
	  --benchmark-json=.bench/results.json; status=$$?; \
	$(BIN)/python tests/benchmarks/calculate.py && \
	$(BIN)/python tests/benchmarks/tables.py .bench/results.json && exit $$status

bench-pipeline: setup
	rm -rf .bench/clone
	$(BIN)/python tests/benchmarks/pipeline.py .bench/clone

# docs/mutants.md explains the survivors; its status is 1 if another one appears.
mutants: setup
	PYTHONPATH=$(CURDIR) OMP_NUM_THREADS=1 $(BIN)/python tests/mutants/run.py $(MODULES)

check: setup
	ruff check
	ruff format --check
	mypy
	lint-imports

# Anew each time, so that what is gone cannot be linked to.  The pages keep their folder, since at the
# top search.html is the page of the site's own search.
docs: setup
	rm -rf site .site && mkdir .site
	cp -r docs docs/site/index.md CONTRIBUTING.md SECURITY.md .site
	sphinx-build --quiet --fail-on-warning --keep-going -c docs/site .site site
	python .ci/site.py site

# pip-audit stays out of the environment: it wants other versions of what is in it.
# strict: a package that nobody could be asked for is no package without weaknesses
audit: setup
	$(BIN)/python .ci/audit.py
	@if [ -n "$(OFFLINE)" ]; then echo "offline: no advisories were asked for"; \
	elif $(BIN)/python -m pip install --quiet --disable-pip-version-check --target .audit pip-audit; \
	then PYTHONPATH=.audit $(BIN)/python -m pip_audit --strict --no-deps --disable-pip -r requirements.lock; \
	else echo "pip-audit cannot be had here: no advisories were asked for"; exit 3; fi
