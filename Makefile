# Keywright. `make help` lists what there is. PYTHON chooses the interpreter, ARGS goes to the command.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --no-input --quiet
ARGS ?=
# Many tests wait for a client or a server: one worker more than there are cores keeps those busy.
WORKERS ?= $(shell echo $$(( $$(nproc) < 4 ? $$(nproc) + 1 : 4 )))
# Compiling everything anew would take each start of the service a second, and the tests start it often.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve test check check-form format bench fuzz docs requirements clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.installed ## install into .venv if needed and run the service on ./data
	@exec $(BIN)/keywright serve $(ARGS)

test: ## run everything: checks, then all tests with their real servers and clients
	@$(MAKE) --no-print-directory -j2 $(VENV)/.installed-test $(VENV)/.packages
	@$(MAKE) --no-print-directory check-form
	@$(BIN)/pytest -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(ARGS)

check: check-form ## ruff, mypy --strict and import contracts
	@$(BIN)/mypy

# What takes a second. The tests run mypy themselves, beside others, so that both cores have work.
check-form: $(VENV)/.installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.installed-test ## let ruff format and sort
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.installed-test $(VENV)/.packages ## measure rates beside a bare hello of the same run
	@$(BIN)/python -m tests.load.bench $(ARGS)

fuzz: $(VENV)/.installed-test ## fuzz every parser of strangers' bytes for longer than the tests do
	@KEYWRIGHT_FUZZ=long $(BIN)/pytest tests/fuzz $(ARGS)

docs: $(VENV)/.installed-test ## check that the documents' commands and links are those of the code
	@$(BIN)/pytest -q tests/architecture/test_documents.py

requirements: $(VENV)/.installed-test ## pin the requirements again, with hashes
	@$(PIP) install pip-tools
	@$(BIN)/python -m piptools compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links --extra build -o requirements.txt pyproject.toml
	@$(BIN)/python -m piptools compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links --extra build --extra test -c requirements.txt -o requirements-test.txt pyproject.toml

clean: ## remove what was installed and cached (never ./data)
	@rm -rf $(VENV) .venv-certbot build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@PYTHON="$(PYTHON)" sh tests/support/make_environment.sh $(VENV)

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "installing Keywright into $(VENV) ..." >&2
	@$(PIP) install --require-hashes --no-compile -r requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --no-compile -e .
	@touch $@

$(VENV)/.installed-test: requirements-test.txt $(VENV)/.installed
	@echo "installing what the tests need ..." >&2
	@$(PIP) install --require-hashes --no-compile -r requirements-test.txt
	@touch $@

$(VENV)/.packages: tests/support/debian_packages.sh | $(VENV)/bin/python
	@sh tests/support/debian_packages.sh
	@touch $@
