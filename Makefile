# Atelier. `make help` lists the targets.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
LOCKS := api worker gallery embedded cli dev bench

.DEFAULT_GOAL := help

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  \033[36m%-12s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The newest Python that really runs and is new enough (`make run PYTHON=/usr/bin/python3` names
# another), or a sentence saying what to do.
$(BIN)/python:
	@for p in $(or $(PYTHON),python3.13 python3.12 python3.11 python3); do \
	  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then PY=$$p; break; fi; done; \
	if [ -z "$$PY" ]; then echo "Atelier needs Python 3.11 or newer, and $(if $(PYTHON),$(PYTHON) is not,none was found on the PATH)." >&2; exit 1; fi; \
	echo "Making a virtual environment in $(VENV)…"; \
	$$PY -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module does not work here; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# Says what it does before each quiet step.
define install
echo "Installing what Atelier needs into $(VENV) (about a minute, the first time)…"; \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$(1).lock && \
echo "Installing Atelier itself…" && \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
endef

$(VENV)/.embedded: requirements/embedded.lock pyproject.toml | $(BIN)/python
	@$(call install,embedded)
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	@$(call install,dev)
	@touch $@ $(VENV)/.embedded

node_modules/.installed: package-lock.json
	@command -v npm >/dev/null || { echo "make check needs Node.js 20 or newer for the page's types." >&2; exit 1; }
	npm ci --silent --no-audit --no-fund
	@touch $@

run: $(VENV)/.embedded ## Install and start the whole platform in one process (no key, no server)
	@exec $(BIN)/atelier up

dev: $(VENV)/.dev ## Install everything that development needs

test: $(VENV)/.dev ## Run the tests (a server that is missing is skipped; in CI it fails)
	$(BIN)/python -m pytest -m "not long"

JOBS := 1000
SEED := 1
chaos: $(VENV)/.dev ## Kill every process again and again while 1,000 jobs run (JOBS=1000 SEED=1)
	@ATELIER_CHAOS_JOBS=$(JOBS) ATELIER_CHAOS_SEED=$(SEED) \
	  $(BIN)/python -m pytest -q -s --no-header --tb=short tests/faults/test_chaos.py tests/faults/test_failpoints.py \
	  tests/faults/test_poison.py tests/faults/test_clocks.py \
	  tests/faults/test_worker_faults.py tests/faults/test_database_faults.py tests/faults/test_very_many_watchers.py \
	  tests/contract/test_worker_failover.py::test_jobs_that_fail_at_once_are_no_storm_and_all_end

check: $(VENV)/.dev node_modules/.installed ## Format, lint, types, import contracts, documents and locks in sync
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports
	npm run --silent check
	$(BIN)/python -m atelier_embedded.openapi --check $(OPENAPI)
	@$(MAKE) --no-print-directory check-locks

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv-bench/.installed: requirements/bench.lock | $(BIN)/python
	@echo "Installing what is compared with into .venv-bench…"
	@$(BIN)/python -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.lock
	@touch $@

bench: $(VENV)/.dev .venv-bench/.installed ## Measure, against Django and Celery too: jobs a second, latency, CPU per job (20 minutes)
	$(BIN)/python benchmarks/figures.py $(BENCH)

OPENAPI := docs/openapi.json shared/atelier_core/http/openapi.json
openapi: $(VENV)/.dev ## Write the OpenAPI document from the code
	$(BIN)/python -m atelier_embedded.openapi $(OPENAPI)

vendor: $(VENV)/.dev node_modules/.installed ## Copy the page's libraries from their packages, checked by hash
	$(BIN)/python services/gallery/vendor.py

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header \
	--no-emit-index-url --python-version 3.11
OF_bench = --group bench
OF_dev = pyproject.toml --extra all --group build --group dev
# Compiles lock $(1) into folder $(2); what the folder's lock pins already stays as it is.
define compile
	$(UV_COMPILE) $(or $(OF_$(1)),pyproject.toml --extra $(1) --group build) -o $(2)/$(1).lock >/dev/null
endef

lock: $(VENV)/.dev ## Write requirements/*.lock from pyproject.toml
	@$(foreach name,$(LOCKS),$(call compile,$(name),requirements) && ) true

check-locks: $(VENV)/.dev
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && cp requirements/*.lock $$folder && \
	$(foreach name,$(LOCKS),$(call compile,$(name),$$folder) && ) \
	diff -rq requirements $$folder >/dev/null || { echo "requirements/*.lock are not those of pyproject.toml: make lock" >&2; exit 1; }

up: ## Start the whole stack with Docker Compose (makes its secrets the first time)
	@deploy/compose/secrets.sh
	docker compose up --build --detach --wait
	@echo "Atelier is running on http://$$(docker compose port frontdoor 8080); its key is in $${ATELIER_SECRETS:-deploy/compose/secrets}/api_key"

down: ## Stop that stack; everything is kept
	docker compose down

clean: ## Remove the virtual environment, node_modules and caches
	rm -rf $(VENV) .venv-bench node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist

.PHONY: help run dev test chaos check format bench openapi vendor lock check-locks up down clean
