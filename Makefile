# Each target does its own set-up on a fresh machine; a second call reuses it and starts at once.
SHELL := bash
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-thorough test-slow lint format install gallery docs notebooks bench clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: .venv/installed  ## the posterior of a random-slope model of real data, in a minute
	@$(BIN)/partialpool demo

test: .venv/developed  ## the quick tests, on every core
	$(BIN)/python -m pytest -m "not slow and not thorough" -n logical --dist loadfile --durations=25

test-thorough: .venv/developed  ## the quick tests and those that start processes, compile or sample long: what CI runs
	$(BIN)/python -m pytest -m "not slow" -n logical --dist loadfile --durations=25

test-slow: .venv/developed  ## the gallery, long posteriors and big tables
	$(BIN)/python -m pytest -m slow -n logical --dist loadfile --durations=25

lint: .venv/developed  ## ruff, mypy, import layers
	$(BIN)/ruff check src tests benchmarks tools notebooks docs models
	$(BIN)/ruff format --check src tests benchmarks tools notebooks docs models
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/developed  ## rewrite the code in the house style
	$(BIN)/ruff format src tests benchmarks tools notebooks docs models
	$(BIN)/ruff check --fix src tests benchmarks tools notebooks docs models

gallery: .venv/developed  ## refit the examples of README and documentation, write what they print, redraw the pictures
	$(BIN)/python docs/make_pictures.py
	$(BIN)/python docs/make_pages.py
	$(BIN)/python models/make_pictures.py

docs: .venv/documented  ## build the documentation into build/docs, warnings as errors, every link checked
	$(BIN)/python -m sphinx -c docs -b html -d build/doctrees -E -n -W --keep-going -q . build/docs
	$(BIN)/python docs/check_links.py build/docs
	@echo "build/docs/index.html"

notebooks: .venv/developed  ## run the teaching notebooks and write what they show; ONLY="01 03" for some
	$(BIN)/python tools/run_notebooks.py $(ONLY)

bench: .venv/installed  ## measure against peers and targets (35 minutes); ONLY="bambi insteval" for some sections
	@$(BIN)/python -m benchmarks.run $(if $(ONLY),--only $(ONLY))

install: .venv/developed  ## everything, for working on partialpool

.venv/python:
	@python=$$(bash tools/find-python.sh) || exit 1; \
	echo "making .venv with $$python"; \
	"$$python" -m venv .venv && $(BIN)/python -m pip install --quiet --upgrade 'pip >= 25.1'
	@touch $@

.venv/installed: .venv/python pyproject.toml
	@echo "installing partialpool into .venv (a minute the first time)"
	@$(BIN)/python -m pip install --quiet --editable .
	@touch $@

.venv/developed: .venv/installed pyproject.toml
	@echo "installing what the tests need"
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

.venv/documented: .venv/installed pyproject.toml
	@echo "installing what the documentation needs"
	@$(BIN)/python -m pip install --quiet --group docs
	@touch $@

clean:  ## remove the environment and caches
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
