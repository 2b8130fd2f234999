# Everything runs in the project's own environment; nothing needs to be activated.
# Python 3.11 or newer is all a fresh machine needs: make PYTHON=python3.12 ... to choose one.
PYTHON ?= python3
PROFILE ?= smoke
DATA ?=
RESULTS ?=
SEEDS ?=
JOBS ?=
ONLY ?=
DEVICE ?= auto

BIN := .venv/bin
PY := $(BIN)/python
STAMP := .venv/.installed
DATA_OPTION = $(if $(DATA),--data "$(DATA)")
RESULTS_OPTION = $(if $(RESULTS),--results "$(RESULTS)")
SEEDS_OPTION = $(if $(SEEDS),--seeds $(SEEDS))
JOBS_OPTION = $(if $(JOBS),--jobs $(JOBS))
BENCH_DATA = $(or $(DATA),.bench/raw)
ONLY_OPTION = $(if $(ONLY),--only $(ONLY))

.PHONY: help setup replicate lab test test-fast notebooks weights bench lint lock clean
.DEFAULT_GOAL := help

help:
	@echo "make replicate [PROFILE=smoke|sample|paper] [DATA=folder]   tables, figures, notebooks"
	@echo "               [ONLY=table3] [SEEDS=5] [JOBS=2] [RESULTS=folder] [DEVICE=cuda]"
	@echo "make lab                                                    the notebooks in JupyterLab"
	@echo "make test                                                   every test, notebooks too"
	@echo "make test-fast                                              without the slow ones"
	@echo "make notebooks                                              re-execute the committed notebooks"
	@echo "make bench [DATA=folder] [KERAS_PYTHON=python]              what things cost, on this machine"
	@echo "make weights | lint | lock | clean"

setup: $(STAMP)

# uv installs the locked versions in well under a minute; plain pip does the same, slower.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "Python %d.%d found, 3.11 or newer needed: make PYTHON=python3.11 ..." % v[:2])'
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet uv && \
	  $(PY) -m uv pip install --quiet --python $(PY) --compile-bytecode --require-hashes -r requirements.lock && \
	  $(PY) -m uv pip install --quiet --python $(PY) --no-deps -e . || \
	  { $(PY) -m pip install --quiet --require-hashes -r requirements.lock && \
	    $(PY) -m pip install --quiet --no-deps -e . ; }
	@mkdir -p .venv/etc/ipython  # notebooks: no warning about the kernel's own local socket
	@echo "c.IPKernelApp.log_level = 40" > .venv/etc/ipython/ipython_kernel_config.py
	@# librosa's functions are compiled where they are first called, into a cache that breaks if
	@# several processes fill it at once: here one does.
	@$(PY) -c 'from numpy.random import default_rng; from mvemotion.audit.cues import measure_sound; \
	  from mvemotion.baselines.music_features import music_features; \
	  noise = default_rng(0).normal(size=110_250).astype("float32"); \
	  measure_sound(noise), music_features(noise)'
	@touch $(STAMP)

replicate: $(STAMP)
	$(PY) -m mvemotion replicate --profile "$(PROFILE)" --device $(DEVICE) $(DATA_OPTION) $(RESULTS_OPTION) $(SEEDS_OPTION) $(JOBS_OPTION) $(ONLY_OPTION)

lab: $(STAMP)
	$(PY) -m jupyter lab --ServerApp.root_dir="$(CURDIR)" notebooks/00_start_here.ipynb

test: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n auto --dist loadfile

test-fast: $(STAMP)
	OMP_NUM_THREADS=1 $(PY) -m pytest -q -n auto --dist loadfile -m "not slow"

# The committed outputs are those of profile smoke, normalised; after a kill it goes on where it was.
notebooks: $(STAMP)
	$(PY) -m mvemotion replicate --profile smoke
	$(PY) -m mvemotion.pipeline.renewing results/smoke
	$(PY) -m nbstripout --keep-output --keep-count \
	  --extra-keys "metadata.papermill cell.metadata.papermill cell.metadata.execution metadata.widgets" \
	  notebooks/[0-9]*.ipynb notebooks/solutions/[0-9]*.ipynb

# The weights that come with the package; about an hour on two cores.
weights: $(STAMP)
	$(PY) -m mvemotion replicate --profile demo --only table6 --jobs 1
	$(PY) -m mvemotion.pipeline.shipping

# About two hours of one core. For Keras on TensorFlow name an interpreter that has both.
bench: $(STAMP)
	$(PY) benchmarks/networks.py $(if $(KERAS_PYTHON),--keras-python "$(KERAS_PYTHON)")
	$(PY) benchmarks/switches.py
	$(if $(DATA),,$(PY) -m mvemotion synthesize .bench/raw --train 1 --validation 1 --test 1 --duration 30)
	$(PY) benchmarks/preprocessing.py "$(BENCH_DATA)"
	$(PY) -m mvemotion prepare "$(BENCH_DATA)" .bench/store
	$(PY) benchmarks/overheads.py --store .bench/store
	$(PY) benchmarks/memory.py
	$(PY) benchmarks/readme.py

lint: $(STAMP)
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

lock:
	$(PY) -m uv pip compile --quiet --universal --all-extras --generate-hashes --python-version 3.11 pyproject.toml -o requirements.lock

clean:
	rm -rf .venv .bench .pytest_cache .ruff_cache
