# make demo: label a real photograph.  make test: run the suite.  Both install what they need into .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint clean

demo: $(READY)
	$(BIN)/retint demo --out demo

# ruff without its cache: what counts as ours is read from src, and a kept answer outlives a module that was renamed.
test: $(READY)
	$(BIN)/ruff check --no-cache src tests benchmarks examples
	$(BIN)/mypy
	$(BIN)/python -m pytest

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo
