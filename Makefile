# Atelier. `make help` lists the targets.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
EXTRAS_embedded := embedded
LOCKS := api worker gallery embedded cli

.DEFAULT_GOAL := help

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[36m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The newest Python that really runs and is new enough, or a sentence saying what to do.
$(BIN)/python:
	@for p in python3.13 python3.12 python3.11 python3; do \
	  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then PY=$$p; break; fi; done; \
	if [ -z "$$PY" ]; then echo "Atelier needs Python 3.11 or newer, and none was found on the PATH." >&2; exit 1; fi; \
	$$PY -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module does not work here; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.embedded: requirements/embedded.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/embedded.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.embedded

run: $(VENV)/.embedded ## Install and start the whole platform in one process (no key, no server)
	@exec $(BIN)/atelier up

dev: $(VENV)/.dev ## Install everything that development needs

test: $(VENV)/.dev ## Run the tests (a server that is missing is skipped, in CI it fails)
	$(BIN)/python -m pytest

check: $(VENV)/.dev ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m atelier_embedded.openapi --check $(OPENAPI)

OPENAPI := docs/openapi.json shared/atelier_core/http/openapi.json
openapi: $(VENV)/.dev ## Write the OpenAPI document from the code
	$(BIN)/python -m atelier_embedded.openapi $(OPENAPI)

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

UV_COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11
lock: ## Write requirements/*.lock from pyproject.toml
	@for name in $(LOCKS); do $(UV_COMPILE) --extra $$name --group build -o requirements/$$name.lock || exit 1; done
	@$(UV_COMPILE) --extra all --group build --group dev -o requirements/dev.lock

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist

.PHONY: help run dev test check openapi format lock clean
