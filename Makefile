# Everything runs in one environment, .venv, which scripts/setup_env.sh makes and keeps current.
# Options: PYTHON=python3.12 (to start from), TORCH_INDEX=URL (where torch comes from), ARGS="..."

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint format bench clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F"|" "{printf \"%-18s%s\\n\", \$$1, \$$2}"

demo: ## Train a spiking network on small digits (30 s) and write a report
	@sh scripts/setup_env.sh run
	$(BIN)/spikeloom run quickstart $(ARGS)

test: lint ## Lint, types and tests, as in CI
	$(BIN)/python -m pytest -n auto -m "not slow and not peers" $(ARGS)

test-slow: ## The tests that take minutes: full-size recipes, papers' figures
	@sh scripts/setup_env.sh test
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: ## Lint, formatting and types
	@sh scripts/setup_env.sh test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright

format: ## Put the code into the house's format
	@sh scripts/setup_env.sh test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: ## Speed and memory beside other libraries, as tables
	@sh scripts/setup_env.sh test
	$(BIN)/python -m pip install -q --no-deps -r benchmarks/peers.txt
	$(BIN)/spikeloom bench $(ARGS)

clean: ## Remove .venv, caches and builds (runs/ stays)
	rm -rf .venv build dist site .pytest_cache .ruff_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
