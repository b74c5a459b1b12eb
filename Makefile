# Two commands matter: `make demo` tunes a real function on this machine, `make check` is what CI runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev
PIP := -m pip install --quiet --disable-pip-version-check --no-compile
SAM_VENV := .venv-sam
SAM_READY := $(SAM_VENV)/.ready
LOCALSTACK_VENV := .venv-localstack
LOCALSTACK_READY := $(LOCALSTACK_VENV)/.ready
# LocalStack declares Python 3.10. Its CreateStateMachine raises a TypeError on 3.11, and works on 3.13.
LOCALSTACK_PYTHON ?= python3.13
# Two processes more than there are cores: many tests wait for handlers that are held to a share of one, or for a browser.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
# Python keeps the byte code of what it imports: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
# Packages that no test imports itself.
STAND_IN := antlr4 cryptography flask jsonpath_ng moto openapi_spec_validator pydantic samtranslator werkzeug
DEMO_TARGET := examples/functions/cpu_bound/app.py:handler
DEMO_PAYLOAD := @examples/functions/cpu_bound/payload.json

.PHONY: help setup demo check lint types docs compiled test test-localstack bench attack clean

help: ## Show these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(DEV_READY) $(SAM_READY) ## Create the environments in .venv and .venv-sam.

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --editable .
	@touch $@

$(DEV_READY): $(READY)
	$(BIN)/python $(PIP) --editable '.[dev]'
	@touch $@

$(SAM_READY): .ci/requirements-sam.txt
	$(PYTHON) -m venv $(SAM_VENV)
	$(SAM_VENV)/bin/python $(PIP) --requirement $<
	@touch $@

$(LOCALSTACK_READY): .ci/requirements-localstack.txt
	@$(LOCALSTACK_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 13))' 2>/dev/null || { \
		echo "LocalStack needs Python 3.13 or newer. Install python3.13, or name one: LOCALSTACK_PYTHON=…" >&2; exit 1; }
	$(LOCALSTACK_PYTHON) -m venv $(LOCALSTACK_VENV)
	$(LOCALSTACK_VENV)/bin/python $(PIP) --requirement $<
	@touch $@

demo: $(READY) ## Tune a real example function on this machine.
	$(BIN)/tuner tune $(DEMO_TARGET) --payload $(DEMO_PAYLOAD) --invocations-per-month 1000000 --output tuning/demo
	@cp tuning/demo/result.json tuning/demo/report.html .
	@echo "Open report.html in a browser."

# The environments are made side by side too.
check: ## Lint, check types, build the documentation and run all tests.
	$(MAKE) --no-print-directory --jobs 2 setup lint types docs compiled
	$(MAKE) --no-print-directory test

lint: $(DEV_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY)
	$(BIN)/mypy

docs: $(DEV_READY) ## Build the documentation into site/, and fail at a broken link.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --site-dir site

# Every process of the tests would compile the same modules at the same time. Here one does, beside mypy: those of the
# tests, of the stand-in, and of the SAM CLI. If one of them fails here, the tests tell why.
compiled: $(DEV_READY) $(SAM_READY)
	@$(BIN)/python -m pytest --collect-only --quiet >/dev/null || true
	@$(BIN)/python -m compileall -q $(STAND_IN:%=$(VENV)/lib/python*/site-packages/%) || true
	@$(SAM_VENV)/bin/cfn-lint --list-rules >/dev/null || true
	@SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam package --help >/dev/null || true

test: $(DEV_READY) $(SAM_READY) ## Run the tests alone.
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

test-localstack: $(DEV_READY) $(SAM_READY) $(LOCALSTACK_READY) ## Run the deployed state machine on a second engine.
	TUNER_LOCALSTACK=$(LOCALSTACK_VENV) $(BIN)/python -m pytest tests/e2e/statemachine/test_second_engine.py

bench: $(DEV_READY) ## Run the benchmarks in short form.
	$(BIN)/python -m benchmarks

attack: $(DEV_READY) ## Attack the product for ten minutes: damaged texts, and kills at random calls.
	$(BIN)/python -m tests.attack --seconds 600

clean: ## Remove environments, caches, artifacts, and what the demo left.
	rm -rf $(VENV) $(SAM_VENV) $(LOCALSTACK_VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis artifacts site
	rm -rf tuning/demo result.json report.html
