# Every target works on a fresh clone: it makes the virtual environment it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test live check fix crash bench bench-rules clean

help:  ## What can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(STAMP)  ## The virtual environment with everything for use and development

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "alertrouter needs Python 3.11 or later, and $(PYTHON) is " + sys.version.split()[0] + ": try make PYTHON=python3.12")'
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV) || { echo "could not make a virtual environment: on Debian and Ubuntu install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' || { echo "could not reach a package index: is this machine offline?"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[postgresql,tracing]' --group dev || { echo "could not install the dependencies (see above)"; exit 1; }
	@touch $@

demo: install  ## See it work: an incident in a minute, on the embedded database
	@$(BIN)/alertrouter demo

test: install  ## The test suite, without the real peers and what takes long
	$(BIN)/python -m pytest -n auto -m 'not live and not slow'

live: install  ## What takes long, and the tests with real peers: Prometheus, Alertmanager, amtool, promtool, nginx
	$(BIN)/python -m pytest -n auto -m 'slow and not live'
	$(BIN)/python -m pytest -n auto --dist loadfile -m live tests

check: install  ## Format, lint, types, layers, tests and documentation: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto -m 'not live and not slow'

fix: install  ## Format, and repair what a machine can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

crash: install  ## Kill a daemon at every step, again and again: make crash RUNS=500 SEED=1 DATABASE=postgresql
	$(BIN)/python -m tests.crash --runs $(or $(RUNS),500) --seed $(or $(SEED),1) --database $(or $(DATABASE),sqlite)

bench: install  ## The figures against a real Alertmanager: make bench ALERTMANAGER=/path/to/alertmanager
	$(BIN)/python -m benchmarks.run --alertmanager '$(or $(ALERTMANAGER),$(shell command -v alertmanager || command -v prometheus-alertmanager))'

bench-rules: install  ## What evaluating rules costs, against vmalert: make bench-rules VMALERT=/path/to/vmalert
	$(BIN)/python -m benchmarks.rules --vmalert '$(or $(VMALERT),$(shell command -v vmalert))'

clean:  ## Remove what was made
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
