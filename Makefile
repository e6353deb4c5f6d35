# Every target sets up what it needs: a machine with Python 3.10-3.13, git and make is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# Three test files at a time on two cores: many of them wait for a server or a process.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --durations 40

.PHONY: setup demo test test-cluster check format lint types lock train-demo clean

setup: $(STAMP)

# requirements.lock pins everything; the project itself is installed on top, editable.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else f"Python 3.10 to 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

demo: $(STAMP)
	$(BIN)/searchengine demo

test: $(STAMP)
	$(PYTEST)

# A Ray cluster of three nodes, one of which is killed. Minutes, most of them waiting.
test-cluster: $(STAMP)
	$(BIN)/python -m pytest -m cluster

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

# After a change of the dependencies in pyproject.toml.
lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --python-version 3.10 --no-annotate --no-header \
	    --no-emit-index-url --group dev --output-file requirements.lock pyproject.toml

# Train the encoder that ships from scratch (under an hour on two cores).
train-demo: $(STAMP)
	$(BIN)/python -m searchengine.demo.train

clean:
	rm -rf $(VENV) demo-output
