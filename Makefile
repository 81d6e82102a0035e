# Two commands on a fresh machine with Python 3.11+ and make: `make demo` and `make test`. Each sets itself up.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.locked
JUDGE  := .venv-judge

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lock

help: ## list the goals
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the lock; nothing to do the second time

$(STAMP): requirements/uv.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: this Python is too old" >&2; \
	  echo "  because: $$($(PYTHON) --version 2>&1); Loopwright needs 3.11 or newer" >&2; \
	  echo "  try: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@echo "setup: $(VENV) from requirements/dev.txt"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lock: ## resolve the locks again, with hashes and without download addresses
	@UV="$(BIN)/uv" requirements/lock

$(JUDGE)/.locked: requirements/judge.txt $(STAMP)
	@echo "setup: $(JUDGE) from requirements/judge.txt: outside judges of infra/, which pin too much for $(VENV)"
	@$(PYTHON) -m venv --clear $(JUDGE)
	@VIRTUAL_ENV=$(JUDGE) $(BIN)/uv pip sync --quiet --require-hashes requirements/judge.txt
	@touch $@

demo: setup ## the main job: a repository from nothing to a served champion and a rehearsed loop, under demo/
	@$(BIN)/python tools/demo.py

test: setup $(JUDGE)/.locked ## all tests
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations=40 --durations-min=15

check: setup ## lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=infra $(BIN)/lint-imports
