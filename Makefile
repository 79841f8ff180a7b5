# The two commands: `make run` sets everything up and shows the main job; `make test` sets up and passes all tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.run-stamp
TEST_STAMP := $(VENV)/.test-stamp
NODE_STAMP := $(VENV)/.node-stamp
PEERS := $(VENV)/peers
# Many tests wait for real processes: twice the processors keeps two cores busy.
JOBS ?= $(shell echo $$(( 2 * $$(nproc) )))

N ?= 10000
SEED ?= 0
SECONDS ?= 600

# Where the environment forbids it, hundreds of processes would each compile the same modules again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: optimize peers run setup test check shape types suite soak fuzz format lock clean help

help: ## print this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## set everything up and run the demonstration
	$(BIN)/wavetrain demo $(DEMO)

setup: $(RUN_STAMP) ## the environment alone; the command is .venv/bin/wavetrain

$(RUN_STAMP): requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "wavetrain needs Python 3.11 or newer; $(PYTHON) is older. Way out: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || PYTHON=$(PYTHON) ./ci/packages venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q src # once, rather than in each of the programs that a first start begins with
	@touch $@

$(TEST_STAMP): $(RUN_STAMP) requirements/test.txt requirements/optimize.txt $(NODE_STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/optimize.txt
	@touch $@

# The official JavaScript clients, for the tests that are about them; skipped with a word where node is absent.
$(NODE_STAMP): $(RUN_STAMP) tests/doors/node/package-lock.json
	@./ci/packages node
	@if command -v npm >/dev/null; then \
	  mkdir -p $(VENV)/node && cp tests/doors/node/package.json tests/doors/node/package-lock.json $(VENV)/node/ && \
	  cd $(VENV)/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error; \
	else echo "no npm here: the tests of the JavaScript clients are skipped" >&2; fi
	@touch $@

peers: $(RUN_STAMP) ## the peers that `wavetrain bench features` measures beside ours
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/peers.txt

optimize: $(RUN_STAMP) ## the extra that improves timetables (OR-Tools)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/optimize.txt

check: shape types ## format, lint, types, floors, docs: everything but the tests

shape: $(TEST_STAMP)
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/tree

types: $(TEST_STAMP)
	$(BIN)/mypy

# mypy uses one processor for a quarter of a minute: beside the tests, most of which wait.
test: shape ## set up, check, and run all tests
	@./ci/packages tests
	@$(MAKE) --no-print-directory --jobs 2 types suite

suite: $(TEST_STAMP)
	$(BIN)/python -m pytest --ignore tests/tree -n $(JOBS) --dist worksteal

soak: $(RUN_STAMP) ## rehearse N=10000 seeded histories, and every crash of some
	$(BIN)/wavetrain simulate --seed $(SEED) --count $(N) --jobs $$(nproc)
	$(BIN)/wavetrain simulate --seed 22 --count 1 --crash-everywhere

fuzz: $(TEST_STAMP) ## look for bad input that nobody thought of, for SECONDS=600
	$(BIN)/python -m tests.fuzz.search $(SECONDS)

format: $(TEST_STAMP) ## let ruff lay out the code
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

lock: ## compile the pinned requirements again (needs uv on PATH)
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header run.in -o run.txt
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header test.in -o test.txt
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c run.txt optimize.in -o optimize.txt
	cd requirements && uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header peers.in -o peers.txt

clean: ## remove the environment
	rm -rf $(VENV)
