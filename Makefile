# make demo                  installs, then runs the whole journey on a simulated recording; results in demo-output/
# make demo MOVIE=path.tif   the same on your recording
# make demo NETWORK=convolutional   with the convolutional network
# make test                  installs, then runs the checks that are quick
# make test-all              the long ones (Monte Carlo) as well, as CI does
# make lint | format | docs  parts of it
# make results               makes the tables and figures of the docs from the stored results of the benchmarks
# make constraints           pins the newest versions of all dependencies
# Needed: make, git and Python 3.11 or newer. System libraries are installed where that is allowed, else named.

PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PYTEST_ARGS ?=

export PYTHON
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all results lint format docs constraints clean

demo: .venv/.demo
	tools/system-libraries
	tools/with-display $(BIN)/python -m napari_varae demo $(if $(MOVIE),"$(MOVIE)") $(if $(NETWORK),--network $(NETWORK))

# One process of tests a core: each computes on one thread, and has a display of its own.
test test-all: export OMP_NUM_THREADS ?= 1
test: PYTEST_SELECT := -m "not long"
test test-all: lint
	tools/system-libraries virtual
	tools/with-display --virtual $(BIN)/python -m pytest -n auto --dist worksteal $(PYTEST_SELECT) $(PYTEST_ARGS)

lint: .venv/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: .venv/.test
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

results: .venv/.test
	$(BIN)/pip install -q -c constraints.txt "matplotlib>=3.9"
	$(BIN)/python -m benchmarks.pages --pictures
	$(BIN)/python -m benchmarks.comparison.calibration --sets 0 --plot docs/images/qq.png

constraints:
	rm -rf .venv-newest && $(PYTHON) -m venv .venv-newest
	.venv-newest/bin/pip install -q -e ".[dev]"
	echo "# The versions that were tested together. Remade by 'make constraints'." > constraints.txt
	.venv-newest/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' >> constraints.txt
	rm -rf .venv-newest

clean:
	rm -rf .venv site dist demo-output .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/.demo: EXTRAS := all
.venv/.test: EXTRAS := all,test
.venv/.docs: EXTRAS := docs
.venv/.demo .venv/.test .venv/.docs: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing napari-varae[$(EXTRAS)] into .venv; the first time takes some minutes."
	$(BIN)/pip install -q -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

$(BIN)/pip:
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed; name it with PYTHON=/path/to/python3))
	tools/system-libraries
	$(PYTHON) -m venv .venv
