# Everything runs in a virtual environment that the first command makes; `make help` lists all.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
# Where the environment forbids writing bytecode, every process of every test compiles all that it
# imports: three quarters of a start.
export PYTHONDONTWRITEBYTECODE :=
THROW_AWAY := $(PYTHON) -m quizarena.local.services --ephemeral
# Arguments for pytest, the benchmark or the proof: make test ARGS="-k duels"
ARGS ?=
# One more than there are processors, since one has the stories, which mostly wait, and at most nine;
# a single file starts faster in one.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
WORKERS ?= $(if $(ARGS),0,$(shell echo $$(($(PROCESSORS) < 8 ? $(PROCESSORS) + 1 : 9))))

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## Make the virtual environment and install the pinned requirements

# The stamp is written last and names the place: a half-installed or a moved environment is made
# again from nothing, and other requirements are installed into the one that is there.
INTACT := $(shell test "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" && $(PYTHON) -c '' 2>/dev/null && echo yes)
ifneq ($(INTACT),yes)
.PHONY: $(STAMP)
endif
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes
$(STAMP): requirements-dev.txt
	@rm -f $(STAMP)
	@if [ "$(INTACT)" != yes ]; then \
	    for candidate in python3.11 python3.12 python3.13 python3.14 python3 none; do \
	        $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    done; \
	    if [ $$candidate = none ]; then \
	        echo "error: Quiz Arena needs Python 3.11 or newer: install it and run make again." >&2; exit 1; \
	    fi; \
	    if ! $$candidate -c 'import ensurepip, venv' 2>/dev/null; then \
	        echo "error: $$candidate cannot make virtual environments: install its venv package (Debian: python3-venv) and run make again." >&2; exit 1; \
	    fi; \
	    echo "Making the virtual environment $(VENV) with $$($$candidate --version)."; \
	    $$candidate -m venv --clear $(VENV) || exit 1; \
	fi
	@echo "Installing the pinned requirements."
	@# The requirements say which uv, hashes and all; where it cannot run, pip does the same slowly.
	@sed -n '/^uv==/,/[^\]$$/p' requirements-dev.txt > $(VENV)/uv.txt
	@{ $(PYTHON) $(PIP_INSTALL) -r $(VENV)/uv.txt && \
	    $(BIN)/uv pip install --quiet --system-certs --python $(PYTHON) --require-hashes -r requirements-dev.txt; } || \
	    { echo "uv could not do it; pip tries, which takes a minute."; \
	    $(PYTHON) $(PIP_INSTALL) -r requirements-dev.txt; } || \
	    { echo "error: the requirements could not be installed (see above): check the network and run make again." >&2; exit 1; }
	@echo "$(CURDIR)" > $(STAMP)

demo: $(STAMP)  ## Run everything on this machine: play in the browser, or with a real bot
	@exec $(PYTHON) -m quizarena.local

demo-reset: $(STAMP)  ## Forget the demo's data
	@$(PYTHON) -m quizarena.local --reset

test: $(STAMP)  ## Run the tests on throw-away servers (ARGS="..." goes to pytest)
	@command -v chromium > /dev/null || echo "There is no Chromium: the browser test is skipped (Debian: apt install chromium)."
	@$(PYTHON) -m quizarena.translations
	@ENVIRONMENT=test exec $(THROW_AWAY) -- $(PYTHON) -m pytest -n $(WORKERS) $(ARGS)

test-clocks: $(STAMP)  ## Run the tests, stories aside, at eight instants that hurt (ARGS="night")
	@$(PYTHON) -m quizarena.translations
	@exec $(PYTHON) -m tests.clocks $(ARGS)

check: format-check lint types imports metrics-check handbook migrations deploy-check clocks test  ## Everything CI runs, in CI's order

clocks: $(STAMP)
	@$(PYTHON) -m quizarena.translations
	@$(PYTHON) -m tests.clocks --brief night new-year

format: $(STAMP)  ## Format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --select I --fix --quiet

format-check: $(STAMP)
	@$(BIN)/ruff format --check

lint: $(STAMP)  ## Look for likely mistakes
	@$(BIN)/ruff check

types: $(STAMP)  ## Check the types of code and tests
	@# The plugin reads the settings, and those want to be complete.
	@$(PYTHON) -m quizarena.local.production $(BIN)/mypy

imports: $(STAMP)  ## Check that imports go down the layers
	@$(BIN)/lint-imports

metrics-check:  ## Check the rules of Prometheus, and try them
	@if command -v promtool > /dev/null; then \
	    cd docs/monitoring && promtool check config --syntax-only prometheus.yml && \
	    promtool check rules --lint-fatal rules.yml && promtool test rules rules.test.yml rules.days.test.yml; \
	elif [ -n "$$CI" ]; then \
	    echo "error: promtool tries the rules of Prometheus: install it (Debian: apt install prometheus)." >&2; exit 1; \
	else \
	    echo "There is no promtool: the rules of Prometheus are not tried (Debian: apt install prometheus)."; \
	fi

migrations: $(STAMP)  ## Check that the migrations are complete
	@# Nobody has migrated: there is no role of the application yet.
	@ENVIRONMENT=test $(THROW_AWAY) -- sh -c 'DATABASE_URL=$$DATABASE_OWNER_URL $(PYTHON) manage.py makemigrations --check --dry-run && $(PYTHON) manage.py dump_structure --check'

structure: $(STAMP)  ## Write down what a first migrate executes, after a change of migrations
	@ENVIRONMENT=test $(THROW_AWAY) -- sh -c 'DATABASE_URL=$$DATABASE_OWNER_URL exec $(PYTHON) manage.py dump_structure'

deploy-check: $(STAMP)
	@$(PYTHON) -m quizarena.local.production $(PYTHON) manage.py check --deploy --fail-level WARNING

messages: $(STAMP)  ## Bring bot/locale in line with the texts of the bot, and check it
	@$(PYTHON) -m quizarena.translations update
	@$(PYTHON) -m quizarena.translations check

content: $(STAMP)  ## Make the question bank from the lexicon, through all gates
	@$(PYTHON) -m content.build $(ARGS)

image-check: $(STAMP)  ## Build the image, bring the composition up, and play with it (Docker or Podman)
	@$(PYTHON) -m quizarena.translations
	@exec $(PYTHON) -m tests.local.image_check

handbook: $(STAMP)  ## Build the handbook of staff, which web serves under /handbook/; a broken link fails
	@$(PYTHON) -m quizarena.local.handbook

handbook-pictures: $(STAMP)  ## Take the handbook's pictures again, in Chromium (ARGS="refund why" takes some)
	@PICTURES="$(ARGS)" ENVIRONMENT=test exec $(THROW_AWAY) -- $(PYTHON) -m pytest --quiet tests/handbook/pictures.py

lock: $(STAMP)  ## Pin the requirements again, with hashes
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate -c requirements.txt requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate -c requirements-dev.txt requirements-handbook.in -o requirements-handbook.txt

bench: $(STAMP)  ## Measure, each figure beside its floor, on durable throw-away servers
	@exec $(THROW_AWAY) --durable -- $(PYTHON) -m tests.bench $(ARGS)

prove-promos: $(STAMP)  ## Prove that no campaign is overrun, on durable throw-away servers
	@exec $(THROW_AWAY) --durable -- $(PYTHON) -m tests.promos.overrun $(ARGS)

prove-broadcast: $(STAMP)  ## Prove that a broadcast reaches 20,000 players once, though processes die
	@exec $(PYTHON) -m tests.bot.messages.broadcast_proof $(ARGS)

clean:  ## Remove the virtual environment and all caches; the demo's data stays
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis staticfiles site
	@find . -name __pycache__ -type d -not -path './.local/*' -prune -exec rm -rf {} +
	@find bot -name '*.mo' -delete

.PHONY: help setup demo demo-reset test test-clocks check format format-check lint types imports metrics-check migrations \
    structure clocks deploy-check messages content image-check handbook handbook-pictures lock bench prove-promos prove-broadcast clean
