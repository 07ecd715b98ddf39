# On a machine with only Python and make:
#   make sample       make the drawn data set, train on it, evaluate, export, predict
#   make sample-full  the same with a network of full width
#   make test         the tests, on TensorFlow 2.21 with Keras 3
# and for work on the code:
#   make test-slow    whole runs, and the tests that take longest
#   make test-addons  those that reach TensorFlow or Keras, on TensorFlow 2.15 with
#                     Keras 2 and TensorFlow Addons
#   make faults       faults of disk, power and processes, in minutes to hours; resumable
#   make faults-soak  a run that is killed for an hour and a half
#   make faults-controls  the same without each safeguard: a fault must find it missing
#   make fuzz         the parsers of untrusted bytes, a minute each; needs atheris
#   make docs         the documentation's site, in build/site
#   make lint types build-files clean
# Each makes the environment it needs (.venv, .venv-addons, .venv-docs) and keeps it until
# setup.py changes. Variables: PYTHON, EXTRAS, EXTRAS_ADDONS, MARKS (which tests: by
# default "not slow and not whole_run"), WORKERS (tests at a time), PYTEST_FLAGS,
# TRAIN_FLAGS, DOCS_FLAGS, FAULTS_FLAGS, FUZZ_FLAGS.

SHELL := /bin/bash
PYTHON ?= python3
EXTRAS ?= test
EXTRAS_ADDONS ?= addons,test
MARKS ?= not slow and not whole_run
# Two files of tests at a time; most of them wait for processes of their own.
WORKERS ?= 2
PYTEST_FLAGS ?=
TRAIN_FLAGS ?=
DOCS_FLAGS ?=
FAULTS_FLAGS ?=
FUZZ_FLAGS ?=
# One path component, so that two sets of extras are two stamps.
comma := ,
name_of = $(subst $(comma),+,$(1))

PIP_FLAGS := --quiet --quiet --disable-pip-version-check
BIN := .venv/bin
SAMPLE_STAMP := .venv/installed
TEST_STAMP := .venv/installed-$(call name_of,$(EXTRAS))
ADDONS_STAMP := .venv-addons/installed-$(call name_of,$(EXTRAS_ADDONS))

.PHONY: sample sample-full test test-slow test-addons faults faults-soak faults-controls fuzz \
  docs lint types build-files clean

# A network of a quarter of the width, in minutes; the full one as sample-full.
sample: SAMPLE_DIR := runs/sample
sample: SAMPLE_EXPERIMENT := sample_quarter
sample-full: SAMPLE_DIR := runs/sample_full
sample-full: SAMPLE_EXPERIMENT := sample
sample sample-full: $(SAMPLE_STAMP)
	$(BIN)/alexnet-convert --source=sample --encoding=raw --data_dir=$(SAMPLE_DIR)/data
	$(BIN)/alexnet-train --experiment=$(SAMPLE_EXPERIMENT) \
	  --data_dir=$(SAMPLE_DIR)/data --workdir=$(SAMPLE_DIR)/run $(TRAIN_FLAGS)
	$(BIN)/alexnet-evaluate --workdir=$(SAMPLE_DIR)/run --views=10
	$(BIN)/alexnet-export --workdir=$(SAMPLE_DIR)/run --export_dir=$(SAMPLE_DIR)/export
	$(BIN)/python tools/draw_sample.py --output_dir=$(SAMPLE_DIR)/new_images
	$(BIN)/alexnet-predict --export_dir=$(SAMPLE_DIR)/export --views=10 \
	  --plot=$(SAMPLE_DIR)/predictions.png --max_panels=20 $(SAMPLE_DIR)/new_images
	@echo
	@echo "Where to look next:"
	@echo "  $(SAMPLE_DIR)/predictions.png     predictions for images that it has never seen"
	@echo "  $(BIN)/tensorboard --logdir=$(SAMPLE_DIR)/run   loss, errors, conv1's kernels"
	@echo "  $(SAMPLE_DIR)/run/metrics.jsonl   the same numbers, a line each"
	@echo "  $(BIN)/alexnet-train --helpfull   every setting with its source in the paper"
	@echo "  README.md                       ImageNet, or your own images"

# Whole files in the order of tests/conftest.py, the longest first; xdist would begin
# with those that have most tests and end with those that have one long test.
PYTEST := -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: $(TEST_STAMP)
	$(BIN)/python $(PYTEST) -m "$(MARKS)" $(PYTEST_FLAGS)

test-slow: $(TEST_STAMP)
	$(BIN)/python $(PYTEST) -m "slow or whole_run" $(PYTEST_FLAGS)

test-addons: $(ADDONS_STAMP)
	.venv-addons/bin/python $(PYTEST) --stack-only -m "$(MARKS)" $(PYTEST_FLAGS)

faults: $(TEST_STAMP)
	$(BIN)/python -m tests.faults $(FAULTS_FLAGS)

faults-soak: $(TEST_STAMP)
	$(BIN)/python -m tests.faults --faults=training_soak $(FAULTS_FLAGS)

faults-controls: $(TEST_STAMP)
	$(BIN)/python -m tests.faults --controls $(FAULTS_FLAGS)

fuzz: $(TEST_STAMP)
	$(BIN)/python -m tests.faults.fuzz $(FUZZ_FLAGS)

docs: .venv-docs/installed
	.venv-docs/bin/python tools/build_docs.py $(DOCS_FLAGS)

lint: $(TEST_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TEST_STAMP)
	$(BIN)/mypy

build-files: $(TEST_STAMP)
	$(BIN)/python tools/build_files.py

clean:
	rm -rf .venv .venv-addons .venv-docs build *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# An environment is made anew when setup.py is younger than it, so that it never holds
# what setup.py no longer names.
.venv/made: setup.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "This needs Python 3.10 to 3.13; '$(PYTHON)' is" \
	    "$$($(PYTHON) --version 2>&1 | head -1). Name another: make PYTHON=python3.12" \
	    $(MAKECMDGOALS) >&2; exit 2; }
	rm -rf .venv
	$(PYTHON) -m venv .venv
	@touch $@

.venv/installed: .venv/made
	@echo "Installing TensorFlow and friends: about 2 GB, some minutes."
	$(BIN)/pip install $(PIP_FLAGS) --editable .
	@touch $@

.venv/installed-%: .venv/made
	@echo "Installing TensorFlow and friends: about 2 GB, some minutes."
	$(BIN)/pip install $(PIP_FLAGS) --editable ".[$(subst +,$(comma),$*)]"
	@touch $@

# A name on PATH may be a version manager's stand-in that cannot run: each is tried.
.venv-addons/made: setup.py
	@rm -rf .venv-addons
	@for python in $(PYTHON) python3.11 python3.10 \
	    "$$HOME"/.pyenv/versions/3.1[01].*/bin/python; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))' \
	      2>/dev/null; then \
	    echo "$$python -m venv .venv-addons"; \
	    exec $$python -m venv .venv-addons; \
	  fi; \
	done; \
	echo "TensorFlow Addons needs Python 3.10 or 3.11, and neither is on PATH." \
	  "Name one: make PYTHON=/path/to/python3.11 test-addons" >&2; exit 2
	@touch $@

.venv-addons/installed-%: .venv-addons/made
	@echo "Installing TensorFlow 2.15 and friends: about 2 GB, some minutes."
	.venv-addons/bin/pip install $(PIP_FLAGS) --editable ".[$(subst +,$(comma),$*)]"
	@touch $@

# Without TensorFlow: the sources are read, not imported.
.venv-docs/installed: setup.py
	rm -rf .venv-docs
	$(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install $(PIP_FLAGS) absl-py setuptools
	.venv-docs/bin/pip install $(PIP_FLAGS) \
	  --requirement <(.venv-docs/bin/python tools/check_extras.py --list=docs)
	@touch $@
