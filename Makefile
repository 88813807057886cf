# Each command sets up what it needs in .venv and can be run again at any time.
# Behind them are plain calls of pip, rltools, pytest, ruff and mypy.

VENV := .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
BIN = $(VENV)/Scripts
EXE := .exe
else
PYTHON ?= python3
BIN = $(VENV)/bin
endif
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint bench interchange interchange-tests libraries cluster cluster-tests agents clean docs site paper \
	lowest lowest-tests release release-checks
.DELETE_ON_ERROR:

demo: $(VENV)/installed-demo            ## the main job on the agent that comes with the package
	$(BIN)/rltools analyze lunarlander-ppo

test: $(VENV)/installed-test            ## all tests, in parallel
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/installed-lint            ## style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff check --preview --select PLW1514 .  # texts name their encoding: Windows has another by default
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/installed-bench          ## speed, as ratios to the peers in one process
	$(BIN)/python tests/benchmarks/run.py

interchange:                            ## exports whose libraries are large, in an environment of their own
	$(MAKE) VENV=.venv-interchange interchange-tests

interchange-tests: $(VENV)/installed-interchange
	$(BIN)/python -m pytest tests/integrations/test_rerun.py

libraries: $(VENV)/installed-test       ## tiny agents of other libraries, each in an environment of its own: half an hour
	$(BIN)/python tests/libraries/run.py $(LIBRARIES)

cluster:                                ## experiments on every executor, also Ray, in an environment of their own
	$(MAKE) VENV=.venv-cluster cluster-tests

cluster-tests: $(VENV)/installed-cluster
	$(BIN)/python -m pytest tests/experiments/test_distributed.py tests/experiments/test_cluster_faults.py

docs:                                   ## the documentation site, in an environment of its own
	$(MAKE) VENV=.venv-docs site

site: $(VENV)/installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

paper: $(VENV)/installed-test           ## the figures of paper/paper.md, from recorded numbers
	$(BIN)/python paper/figures.py

lowest:                                 ## the tests with the lowest versions that pyproject.toml allows
	$(MAKE) VENV=.venv-lowest lowest-tests

lowest-tests: $(BIN)/python$(EXE)
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --python $(BIN)/python --resolution lowest-direct --extra test pyproject.toml -o $(VENV)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r $(VENV)/lowest.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	$(BIN)/python -m pytest -n auto $(TESTS)

release:                                ## builds dist/ and checks it, its types, the workflow, the citation and the paper
	$(MAKE) VENV=.venv-release release-checks

release-checks: $(VENV)/installed-release
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/cffconvert --validate
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/python paper/check.py
	$(BIN)/python -m pip install --quiet --no-deps --force-reinstall dist/*.whl  # types are those of an installed wheel
	cd dist && VIRTUAL_ENV=$(abspath $(VENV)) PATH="$(abspath $(BIN)):$$PATH" python -m pyright --verifytypes rltools --ignoreexternal

agents: $(VENV)/installed-train         ## train the reference agents again: some hours
	for recipe in agents/*/train.py; do $(BIN)/python $$recipe || exit 1; done

$(BIN)/python$(EXE):
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed-demo: EXTRAS := box2d,classic-control
$(VENV)/installed-test: EXTRAS := test
$(VENV)/installed-lint: EXTRAS := test,lint
$(VENV)/installed-bench: EXTRAS := test,bench
$(VENV)/installed-interchange: EXTRAS := test,rerun
$(VENV)/installed-cluster: EXTRAS := test,ray
$(VENV)/installed-train: EXTRAS := train
$(VENV)/installed-docs: EXTRAS := docs
$(VENV)/installed-release: EXTRAS := release

$(VENV)/installed-%: pyproject.toml constraints.txt | $(BIN)/python$(EXE)
	$(PIP) -e ".[$(EXTRAS)]"
	touch $@

clean:
	rm -rf $(VENV) .venv-interchange .venv-libraries .venv-cluster .venv-docs .venv-lowest .venv-release runs dist docs/_build docs/reference
