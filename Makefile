# Needs Python 3.11 to 3.13, make and the package registries; everything else is installed into .venv.
.PHONY: help setup demo serve test orders lint bench format constraints clean

COUNT ?= 8
# Many tests wait in real time for speech: more of them than cores can run at once.
WORKERS ?= 3
# With the protocol, what must have every branch tested: decisions without I/O, and the vocabulary.
MACHINES := backoff eager errors events journal loudness outlet pace passages reply_sound slots turns watch words
comma := ,
space := $(subst ,, )
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$name && break; done)
HOSTS := pipecat_pyai livekit_pyai plugins/vapi_pyai plugins/twilio_pyai plugins/openai_pyai
PROJECTS := pyproject.toml shared/pyproject.toml $(HOSTS:=/pyproject.toml) constraints.txt

help: ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(VENV)/.ready ## make .venv with everything in it

$(VENV)/.ready: $(PROJECTS)
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install one, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt \
		--editable 'shared[all]' $(HOSTS:%=--editable %) --group dev
	@touch $@

demo: setup ## a caller orders coffee from a Pipecat bot and from a LiveKit agent
	@$(BIN)/python -m demo

serve: setup ## run the local PyAI server
	@$(BIN)/pyai-voice serve

test: setup ## every test, with the coverage that must hold
	@$(BIN)/coverage erase
	$(BIN)/pytest -q --numprocesses $(WORKERS) --dist loadfile --cov --cov-report=
	@$(BIN)/coverage report --format=total | sed 's/^/coverage of all lines and branches, percent: /'
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='*/pyai_voice/protocol/*,$(subst $(space),$(comma),$(MACHINES:%=*/pyai_voice/%.py))'

orders: setup ## recorded people order coffee from both bots (COUNT=40 for all); how many orders were understood whole
	@$(BIN)/python -m demo.orders --count $(COUNT)

lint: setup ## format, rules, types, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/basedpyright --project pipecat_pyai
	$(BIN)/basedpyright --project demo
	$(BIN)/lint-imports

format: setup ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup ## the numbers of the README, beside the official packages
	@$(BIN)/python -m benchmarks

constraints: setup ## pin the newest versions that fit
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --upgrade \
		--no-emit-package pyai-voice --no-emit-package pipecat-pyai --no-emit-package livekit-plugins-pyai \
		--no-emit-package vapi-pyai --no-emit-package twilio-pyai --no-emit-package openai-pyai \
		--group dev pyproject.toml --output-file constraints.txt

clean: ## remove what setup, tests and the demo made
	rm -rf $(VENV) out .coverage .pytest_cache .ruff_cache .hypothesis .import_linter_cache
