PYTHON ?= python

.PHONY: check format lint types test quick bench
check: lint types test

format:
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

lint:
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .

types:
	$(PYTHON) tools/hatch_build.py
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest

quick:
	$(PYTHON) -m pytest tests/core tests/nn -x

bench:
	$(PYTHON) -m dfdx bench
