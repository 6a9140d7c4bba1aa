.PHONY: demo up test check bench clean
PYTHON ?= python3
BIN := .venv/bin
SOURCES := pyproject.toml setup.py encoder/pyproject.toml $(wildcard fastpath/*.pyx fastpath/*.pxi)

demo: .venv/run.stamp  ## the main job without any key; ARGS=--once ends after the report
	$(BIN)/headrace demo $(ARGS)

up: .venv/run.stamp  ## serve; ARGS='--config headrace.yaml'
	$(BIN)/headrace up $(ARGS)

test: .venv/dev.stamp
	$(BIN)/pytest $(ARGS)

check: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest tests/repo

bench: .venv/dev.stamp
	$(BIN)/pytest bench/micro --benchmark-only --benchmark-columns=median,iqr,ops,rounds $(ARGS)

clean:
	rm -rf .venv build dist *.egg-info fastpath/_*.c fastpath/_*.so

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run.stamp: .venv/bin/python $(SOURCES)
	$(BIN)/pip install --quiet --disable-pip-version-check -e . ./encoder
	touch $@

.venv/dev.stamp: .venv/bin/python $(SOURCES)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]' ./encoder
	touch $@ .venv/run.stamp
