# The habits: make demo, make test, make train-smoke, make check, make bench. Needs python3 (3.10 or newer) with
# venv, and make.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test train-smoke mini setup check format bench parity wheel clean

$(VENV)/.run: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.run  ## install, find things in the example images, write demo-out/
	$(BIN)/python scripts/demo.py

test: $(VENV)/.dev  ## install everything that tests need, then all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

train-smoke: $(VENV)/.dev  ## from render to F1: a toy learns five emoji in about three minutes
	$(BIN)/python scripts/train_smoke.py $(SETTINGS)

RUNS ?= runs
mini: $(VENV)/.dev  ## the bundled model again, in RUNS=runs: all twelve recipes of docs/mini.md; many hours on two cores, goes on after any stop
	OMP_NUM_THREADS=1 $(BIN)/locany train recipes/mini_read.py out=$(RUNS)/mini_read
	set -e; before=mini_read; for stage in mini mini_wide mini_more mini_path mini_names mini_know mini_long mini_text mini_large mini_screens mini_blocks; do \
		OMP_NUM_THREADS=1 $(BIN)/torchrun --nproc-per-node 2 -m locany train recipes/$$stage.py compile=true \
			out=$(RUNS)/$$stage begin=$(RUNS)/$$before/model begin_heads=$(RUNS)/$$before/heads.safetensors; \
		before=$$stage; \
	done
	test -d $(RUNS)/locany-mini || $(BIN)/python scripts/average_weights.py \
		$(RUNS)/mini_screens/model $(RUNS)/mini_blocks/model $(RUNS)/locany-mini

setup: $(VENV)/.dev  ## what the render engines draw with: Chromium and fonts (apt), toolkits and icons (npm)
	$(BIN)/locany data setup

check: $(VENV)/.dev  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## every benchmark in its short form, a few minutes in all; each ends with a JSON document
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/data.py --seconds 3 --engines icons,scene_text
	$(BIN)/python benchmarks/packing.py --samples 5000
	$(BIN)/python benchmarks/encoder_memory.py --side 60
	$(BIN)/python benchmarks/training.py --quick --threads 1
	$(BIN)/locany bench --quick

parity: $(VENV)/.dev  ## the published numbers, stage by stage
	$(BIN)/python tests/parity/check.py $(or $(DIR),tests/parity/golden)

wheel: $(VENV)/.run  ## build the wheel and use it without the repository
	rm -rf build dist
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target dist/installed dist/*.whl
	cd dist && PYTHONPATH=installed ../$(BIN)/python -m locany detect ../examples/sailing.png sailboat balloon

clean:
	rm -rf $(VENV) build dist *.egg-info demo-out
