# `make demo` and `make test` need nothing but python3 and make: each sets itself up in .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready

.PHONY: help setup demo test test-all check format bench docs lock clean

help:
	@echo "make setup   create $(VENV) and install metaplastic into it"
	@echo "make demo    use a rule on real handwritten digits (about a minute)"
	@echo "make test    run the tests, but for the slow ones (six to nine minutes on two cores)"
	@echo "make test-all  run every test, as CI does"
	@echo "make check   lint, format, types, layering of imports"
	@echo "make bench   measure speed against PyTorch and plain JAX"
	@echo "make docs    build the documentation"
	@echo "make lock    pin the versions CI uses again"

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "metaplastic needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version)."; \
	    echo "Name another by: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/metaplastic demo

PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
	  --no-loadscope-reorder

test: $(STAMP)
	$(PYTEST) -m "not slow"

test-all: $(STAMP)
	$(PYTEST)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

docs: $(STAMP)
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

lock: $(STAMP)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev $(LOCKED_EXTRAS) --universal \
	  --python-version 3.11 --no-header --no-annotate --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group test --resolution lowest-direct --universal \
	  --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	  -o requirements-lowest.lock

LOCKED_EXTRAS = $(foreach extra,tensorboard hub onnx docs,--extra $(extra))

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache docs/_build
