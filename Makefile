# Two commands: `make demo` starts the page, `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 7860
MODEL ?=
BIN := $(VENV)/bin

.PHONY: demo test space audit
SPACE ?=
SPACE_OPTIONS ?= --dry-run

demo: $(VENV)/.demo
	@echo "http://$(HOST):$(PORT)"
	KOE5_HOST=$(HOST) KOE5_PORT=$(PORT) KOE5_MODEL=$(MODEL) $(BIN)/python app.py

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

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
