# Two commands: `make demo` starts the page, `make test` runs every check.
PYTHON ?= python3
VENV ?= .venv
HOST ?= 127.0.0.1
PORT ?= 7860
MODEL ?=
BIN := $(VENV)/bin

.PHONY: demo test

demo: $(VENV)/.demo
	@echo "http://$(HOST):$(PORT)"
	KOE5_HOST=$(HOST) KOE5_PORT=$(PORT) KOE5_MODEL=$(MODEL) $(BIN)/python app.py

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

$(VENV)/.demo: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.test: requirements-dev.txt requirements.txt $(VENV)/.demo
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@
