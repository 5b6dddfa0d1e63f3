# Everything a developer does here, from a checkout to a counted election. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# A recipe is one script, so that its variables last.
.ONESHELL:

VENV := .venv
BIN := $(VENV)/bin
# The files say what was asked of them, not what they hold: the environment is made again when one of these changes.
INSTALLED := $(VENV)/.requirements-installed
PROJECT := $(VENV)/.project-installed
UV := $(VENV)/uv
PIP_QUIETLY := --quiet --disable-pip-version-check --no-input
PIP_INSTALL := -m pip install $(PIP_QUIETLY)

.PHONY: help
help: ## List what make can do here
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The first interpreter that starts, is new enough and can make an environment: a version manager may put a name on PATH
# that does not start, and Debian ships venv apart.
define FIND_PYTHON
for python in $(PYTHON) python3.12 python3.11 python3; do
  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    break
  fi
  python=
done
if [ -z "$$python" ]; then
  echo "No Python 3.11 or newer with the venv module was found." >&2
  echo "On Debian 12 and Ubuntu 24.04, as root: apt-get install python3 python3-venv" >&2
  exit 1
fi
endef

.PHONY: setup
setup: $(PROJECT) ## Make .venv from the hashed requirement files (PYTHON=… chooses the interpreter)

# --only-binary: building a package from source would fetch its build tools, which no hash vouches for. --no-deps: the
# files name every package, and pip, asked to resolve them again, takes pydantic's extra for another, unpinned package as
# soon as a newer pydantic is out. What the files left out would be found by the check.
#
# uv does in a third of the time what pip does. It reads nothing of pip's settings, so where the packages come from
# a place that only those name, pip does it.
HASHED := --require-hashes --only-binary :all:
$(INSTALLED): export FIND_PYTHON := $(FIND_PYTHON)
$(INSTALLED): requirements/development.txt requirements/uv.txt
	@eval "$$FIND_PYTHON"
	echo "Making $(VENV) with $$("$$python" --version); this takes about half a minute."
	"$$python" -m venv --clear $(VENV)
	"$$python" -m venv --without-pip $(UV)
	$(BIN)/python -m pip --python $(UV)/bin/python install $(PIP_QUIETLY) $(HASHED) --requirement requirements/uv.txt
	wanted=($(HASHED) --no-deps --requirement requirements/development.txt)
	$(UV)/bin/uv pip install --quiet --python $(BIN)/python --compile-bytecode "$${wanted[@]}" \
	  || $(BIN)/python $(PIP_INSTALL) "$${wanted[@]}"
	$(BIN)/python -m pip --disable-pip-version-check check
	touch $@

# Without the network: setuptools is one of the hashed packages.
$(PROJECT): $(INSTALLED) pyproject.toml
	@$(BIN)/python $(PIP_INSTALL) --no-index --no-deps --no-build-isolation --editable .
	touch $@

# Not part of the project: with them `make demo` also holds a small part of the election with its tally sheets.
POLLING_STATIONS := ../shared/data/serbia-2014-parliamentary.csv

.PHONY: demo
demo: setup ## Count the parliamentary election of 2014 (SCALE=1 for every ballot, KEEP=1 to leave it running, SHEETS=1 with polling stations and tally sheets)
	@$(BIN)/urna demo $(if $(SCALE),--scale $(SCALE)) $(if $(filter-out 0,$(KEEP)),--keep) $(if $(filter-out 0,$(SHEETS)),--with-sheets)
	$(if $(SCALE)$(KEEP)$(SHEETS),,$(if $(wildcard $(POLLING_STATIONS)),$(BIN)/urna demo --with-sheets --scale 200))

.PHONY: up
up: setup ## Run the suite on this machine, on ports 5000 to 5003, with its data in var/
	@$(BIN)/urna up --data var

.PHONY: test
test: setup ## Run every test that this machine can run (ARGS=… for pytest; URNA_TEST_REQUIRE=all leaves none out)
	@$(BIN)/pytest -n 3 --dist worksteal $(ARGS)

.PHONY: test-deployment
test-deployment: setup ## Run the deployment on a Docker engine: Compose, Swarm, faults, updates (ALL=1 for what is tried before a release)
	@$(BIN)/pytest tests/deployment/engine $(if $(filter-out 0,$(ALL)),,-m "not release") $(ARGS)

.PHONY: fuzz
fuzz: setup ## Send each route N=500 made up requests, others in each run (SEED=… repeats one), and 2,000 spoilt uploads
	@export URNA_FUZZ_EXAMPLES=$(or $(N),500) URNA_FUZZ_SEED=$(or $(SEED),$$RANDOM) URNA_FUZZ_UPLOADS=2000
	$(BIN)/pytest tests/services/test_fuzzing.py tests/services/test_hostile_uploads.py $(ARGS)

.PHONY: lint
lint: setup ## Check style, format and types
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: openapi
openapi: setup ## Write the services' OpenAPI descriptions to docs/api/
	@$(BIN)/urna openapi

.PHONY: messages
messages: setup ## Write new messages of the pages into their catalogues, and name those that need a translation
	@$(BIN)/python -m tests.messages

.PHONY: schema
schema: setup ## Write the two stores' schemas to docs/
	@$(BIN)/urna schema

# Only what has a .txt today: base.in and the like are parts of the others.
.PHONY: requirements
requirements: | $(INSTALLED) ## Pin the requirement files again (UPGRADE=1 takes the newest releases)
	@for pinned in requirements/*.txt; do
	  echo "$$pinned"
	  $(UV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header $(if $(UPGRADE),--upgrade) --output-file "$$pinned" "$${pinned%.txt}.in"
	done

.PHONY: bench
bench: setup ## Measure the suite against its database's bulk load (ENGINE=mariadb, mysql, postgresql or sqlite)
	@$(BIN)/python -m benchmarks $(if $(ENGINE),--engine $(ENGINE)) $(ARGS)

.PHONY: bench-quick
bench-quick: setup ## The same with small numbers, to see that it works and every count is exact
	@$(BIN)/python -m benchmarks --quick $(if $(ENGINE),--engine $(ENGINE)) $(ARGS)

.PHONY: faults
faults: setup ## Break the suite on purpose and check every ballot (N=500 schedules, SEED=… for one, ENGINE=…, JOBS=… at once)
	@$(BIN)/python -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(N),--schedules $(N)) $(if $(FIRST),--first $(FIRST)) \
	  $(if $(ENGINE),--engine $(ENGINE)) $(if $(JOBS),--jobs $(JOBS))

.PHONY: clean
clean: ## Remove the environment and what tools left behind; var/, with its elections, stays
	@rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: secrets
secrets: ## Make the secrets of a deployment in secrets/, once (docs/deployment.md)
	@deploy/secrets.sh

.PHONY: stack
stack: ## Check stack.yaml against the swarm and deploy it (STACK=…, ENCRYPTED=1, DEPLOY=0; docs/deployment.md)
	@deploy/stack.sh
