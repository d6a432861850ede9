# make demo      install Assay and ask it about itself
# make test      install what the tests need and run them
# make help      everything else

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help install dev demo test test-all lint format bench lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Assay needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: requirements/core.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/core.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.core
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.txt
	@touch $@

install: $(VENV)/.core ## install Assay into .venv
dev: $(VENV)/.dev ## install it with everything the checks need

demo: install ## ingest docs/, ask three questions
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh demo.sh

test: dev ## the tests that take seconds
	$(BIN)/pytest -q -n 2

test-all: dev ## slow ones too: crash tests, simulations, real models where present
	$(BIN)/pytest -q -m "slow or not slow"

lint: dev ## format, lint, types, floors
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev ## rewrite the code in the project's format
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

bench: dev ## quality and speed tables: make bench DATA=DIR (benchmarks/README.md: data, peers)
	$(BIN)/python -m benchmarks $(if $(DATA),--data "$(DATA)") $(BENCH)

lock: dev ## resolve the versions anew
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate pyproject.toml requirements/build.in -o requirements/core.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --no-annotate --extra anthropic --extra google --extra lance --extra otlp --extra tokens --group dev -c requirements/core.txt \
	  pyproject.toml requirements/build.in -o requirements/dev.txt

clean: ## remove what was installed and built
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
