# `make` lists the targets. The plain commands behind them, for machines without make, stand in docs/install.md.
#
#   S2F_VENV   folder of the virtual environment (default .venv; relative to the clone, or absolute)
#   PYTHON     interpreter to make it with: 3.11 to 3.14 (default: the first of them that is found)
#   S2F_UV     no: install by pip also where uv is there
#   S2F_EXTRA  an extra that requirements.txt marks as optional, to be installed as well, such as gfpgan
#   APP_FLAGS  for `make app`, such as --port 5001 or --host 0.0.0.0
#   DRAW       for `make docs`: a folder that `s2f export page` wrote; it becomes the site's page to draw on
#   GPU_FLAGS  for `make bench-gpu`, such as --list or --only pix2pix
#   LAB_FLAGS  for `make lab`, such as --no-browser, or --allow-root in a container

S2F_VENV       ?= .venv
S2F_COLAB_VENV ?= .venv-colab
S2F_DOCS_VENV  ?= .venv-docs
PYTHON         ?= auto
COLAB_PYTHON   ?= auto
DEMO_DATA      ?= data/synthetic-demo-$(shell cat data_prep/procedural_faces/*.py | cksum | cut -d' ' -f1)
NOTEBOOKS_OUT  ?= runs/notebooks
WORKERS        ?= 2
LAB_FLAGS      ?=
APP_FLAGS      ?=
GPU_FLAGS      ?=
TINY           ?=
DRAW           ?=

# Windows' Python, under Git Bash, has Scripts instead of bin.
BIN       := $(S2F_VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
COLAB_BIN := $(S2F_COLAB_VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
DOCS_BIN  := $(S2F_DOCS_VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PY        := "$(BIN)/python"

# Weights & Biases never asks for a login or a network here; a run that wants it names its own mode.
export WANDB_MODE ?= offline

.DEFAULT_GOAL := help
.PHONY: help setup demo test check quick test-browser setup-test-browser lock app lab notebooks badges tables \
	bench bench-gpu test-colab setup-colab \
	docs docs-links setup-docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## make the virtual environment, or find that it is ready
	@sh tools/setup_venv.sh "$(S2F_VENV)" "$(PYTHON)" requirements.txt .

demo: setup ## draw faces, train pix2pix, a short CycleGAN and pSp on them, score, write reports; a photo to a sketch and back, and restored; the web app answers once
	@$(PY) -m data_prep synthetic "$(DEMO_DATA)" --profile demo
	@"$(BIN)/s2f" train pix2pix --data "$(DEMO_DATA)" --profile demo --set time_budget_s=320
	@"$(BIN)/s2f" train cyclegan --data "$(DEMO_DATA)" --profile demo --set time_budget_s=60
	@"$(BIN)/s2f" train psp --data "$(DEMO_DATA)" --profile demo --init faces-64 --set time_budget_s=45
	@"$(BIN)/s2f" faces sketch-to-face-128 "$(DEMO_DATA)/sketches/face-00000.png" --out runs/faces
	@$(PY) tools/astronaut.py runs/astronaut.png
	@"$(BIN)/s2f" app --check

# Every part runs even when an earlier one has failed, so that pytest's closing line is always there; the exit status
# says whether all passed. Each worker gets its share of the cores. A notebook's cells stay on one worker (loadscope).
test: setup ## ruff, pytest, and every notebook in the fast profile
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	cores=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); \
	share=$$(( (cores + $(WORKERS) - 1) / $(WORKERS) )); \
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-$$share} S2F_PROFILE=fast S2F_STRICT=1 \
	$(PY) -m pytest -n $(WORKERS) --dist loadscope --nbval-lax --nbval-current-env tests notebooks || status=1; \
	exit $$status

check: setup ## ruff and pytest, without the notebooks
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	$(PY) -m pytest tests || status=1; \
	exit $$status

# What a change is looked at with on every push; the whole runs at night.
quick: setup ## ruff, and the tests that take less than 20 s each
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	$(PY) -m pytest -n $(WORKERS) --dist loadscope -m "not slow" tests || status=1; \
	exit $$status

setup-test-browser:
	@S2F_EXTRA=test-browser sh tools/setup_venv.sh "$(S2F_VENV)" "$(PYTHON)" requirements.txt .

test-browser: setup-test-browser ## the pages in a Chromium, and the app's interface by its own description
	@$(PY) -c "from tests.browser import pages; raise SystemExit(None if pages.CHROMIUM else pages.NO_CHROMIUM)"
	@$(PY) -m pytest -m "browser or fuzz" tests

app: setup ## the web app on http://localhost:5000; APP_FLAGS, such as --port 5001
	@"$(BIN)/s2f" app $(APP_FLAGS)

lab: setup ## JupyterLab on the notebooks
	@"$(BIN)/jupyter-lab" --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks $(LAB_FLAGS)

notebooks: setup ## execute the series in the demo profile into runs/notebooks
	@S2F_PROFILE=$${S2F_PROFILE:-demo} $(PY) tools/run_notebooks.py --out "$(NOTEBOOKS_OUT)"

badges: setup ## write the public address of pyproject.toml into README.md and the notebooks
	@$(PY) tools/badges.py

tables: setup ## write the docs' tables from benchmarks/results
	@$(PY) tools/readme_tables.py

lock: setup ## write uv.lock and constraints.txt anew, after a change to pins or ranges; needs uv and a network
	@$(PY) tools/lock.py

bench: setup ## measure speed and memory into benchmarks/results (on a quiet machine)
	@for script in benchmarks/*_speed.py; do echo "$$script"; $(PY) "$$script" || exit 1; done

# Where there is no GPU, and with TINY=1, everything is small and goes to runs/bench-gpu/tiny.
bench-gpu: setup ## all that waits for a GPU, in parts that are saved one by one; TINY=1 only shows that it works
	@$(PY) benchmarks/gpu.py $(if $(TINY),--tiny) $(GPU_FLAGS)

# Colab's versions on Python 3.13, in an environment of its own (another 6 GB).
# By pip, one package after the other: three builds of OpenCV share a folder there, as in Colab.
setup-colab:
	@SUPPORTED=3.13 S2F_UV=no sh tools/setup_venv.sh "$(S2F_COLAB_VENV)" "$(COLAB_PYTHON)" tests/colab.txt

test-colab: setup-colab ## every notebook, with its set-up cell unmodified, in a copy of Colab's environment
	@"$(COLAB_BIN)/python" tests/colab_check.py

# Sphinx, in an environment of its own (0.2 GB): nobody else needs it.
setup-docs:
	@sh tools/setup_venv.sh "$(S2F_DOCS_VENV)" "$(PYTHON)" docs/site/requirements.txt

docs: setup-docs ## the notebooks and the documents as a site in site/; a broken link is an error
	@"$(DOCS_BIN)/python" tools/build_site.py site $(if $(DRAW),--draw "$(DRAW)")

docs-links: setup-docs ## follow the links to other places; needs a network
	@"$(DOCS_BIN)/python" tools/build_site.py --links

clean: ## delete caches; environments, data and runs stay
	@rm -rf .pytest_cache .ruff_cache dist
	@find s2f_utils s2f_studio data_prep tests tools notebooks benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
	@find notebooks -name .ipynb_checkpoints -type d -prune -exec rm -rf {} + 2>/dev/null || true
