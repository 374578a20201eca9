# `make demo` starts the page, `make check` is the quick loop of whoever works here, `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 7860
MODEL ?=
# One more than there are cores: tests wait for servers and for what shall come too late.
JOBS ?= 3
# Compiled files are kept, whatever the machine's habit: each worker would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=
BIN := $(VENV)/bin
PARALLEL = --numprocesses $(JOBS) --dist loadfile

.PHONY: demo check rules quick test fuzz space audit
SPACE ?=
SPACE_OPTIONS ?= --dry-run

demo: $(VENV)/.demo
	@echo "http://$(HOST):$(PORT)"
	KOE5_HOST=$(HOST) KOE5_PORT=$(PORT) KOE5_MODEL=$(MODEL) $(BIN)/python app.py

# Without a browser, without the slow tests, and with a twentieth of the random inputs.
check: $(VENV)/.test
	$(MAKE) --jobs 2 rules quick

rules: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

quick: $(VENV)/.test
	$(BIN)/pytest tests/unit tests/contract -m "not slow" --hypothesis-profile=check $(PARALLEL)

# Two browsers with a page each fill two cores.
test: rules
	$(BIN)/pytest tests/unit tests/contract $(PARALLEL)
	$(BIN)/pytest tests/ui --numprocesses 2 --dist loadfile

# Fifty times the random inputs of `make test`: hours.
fuzz: $(VENV)/.test
	$(BIN)/pytest tests/unit --hypothesis-profile=long $(PARALLEL)

# make space SPACE=owner/name SPACE_OPTIONS=   uploads; without options it tells what would go.
space: $(VENV)/.demo
	$(BIN)/python -m koe5_demo.deploy $(SPACE) $(SPACE_OPTIONS)

# Known holes in the installed packages. Told, not enforced: the database may be out of reach.
audit: $(VENV)/.demo
	$(BIN)/pip install --quiet pip-audit
	-$(BIN)/pip-audit --requirement requirements.txt --progress-spinner off --timeout 20

$(VENV)/.demo: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.test: requirements-dev.txt requirements.txt $(VENV)/.demo
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
