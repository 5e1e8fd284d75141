# `make` lists the targets. The plain commands behind them, for machines without make, stand in docs/install.md.
#
#   S2F_VENV   folder of the virtual environment (default .venv; relative to the clone, or absolute)
#   PYTHON     interpreter to make it with: 3.11 to 3.14 (default: the first of them that is found)
#   S2F_UV     no: install by pip although uv is there, as where packages come from a mirror of the index
#   S2F_EXTRA  an extra that is not installed otherwise: gfpgan or test-browser
#   FLAGS      for app, lab, lock, docs and bench-gpu, such as FLAGS="--port 5001"

S2F_VENV       ?= .venv
S2F_COLAB_VENV ?= .venv-colab
S2F_DOCS_VENV  ?= .venv-docs
PYTHON         ?= auto
WORKERS        ?= 2
DEMO_DATA      ?= data/demo
FLAGS          ?=

# Windows' Python, under Git Bash, has Scripts instead of bin.
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN     := $(S2F_VENV)/$(SCRIPTS)
PY      := "$(BIN)/python"

# uv.lock has everything; requirements.txt, for pip, is written from it without the extras on demand.
UV        := $(if $(filter no,$(S2F_UV)),,$(shell command -v uv 2>/dev/null))
ON_DEMAND := gfpgan test-browser
ALL_BUT    = --frozen --all-extras $(addprefix --no-extra ,$(filter-out $(1),$(ON_DEMAND)))

# One thread a worker; a file, or a notebook with its cells, stays on one worker. Notebooks take longest and come first,
# so that no worker is alone with one at the end. Bytecode is kept, also where the shell says otherwise: some 60
# processes import the library.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= S2F_PROFILE=fast S2F_STRICT=1 $(PY) -m pytest -n $(WORKERS) --dist loadfile \
	--no-loadscope-reorder --nbval-lax --nbval-current-env notebooks tests

# Weights & Biases never asks for a login or a network here; a run that wants it names its own mode.
export WANDB_MODE ?= offline

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all app lab notebooks lock badges docs size bench bench-gpu clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

# Last comes the pretrained generator, from the package index as well; what needs it fetches it where this failed.
setup: ## make the virtual environment, or find that it is ready
ifneq ($(UV),)
	@UV_PROJECT_ENVIRONMENT="$(S2F_VENV)" uv sync --inexact $(call ALL_BUT,$(S2F_EXTRA)) \
		$(if $(filter auto,$(PYTHON)),,--python "$(PYTHON)") $$([ -t 1 ] || echo --quiet)
else
	@sh tools/setup_venv.sh "$(S2F_VENV)" "$(PYTHON)" -r requirements.txt -e ".$(if $(S2F_EXTRA),[$(S2F_EXTRA)])"
endif
	@$(PY) -m s2f_studio weights mobile-stylegan >/dev/null || \
		echo "set-up: the pretrained generator is not here; the line above says how to get it" >&2

demo: setup ## train pix2pix and a short CycleGAN on generated people; a drawing gets faces; a page of the trainings to open
	@$(PY) -m data_prep people "$(DEMO_DATA)" --profile demo --num 300 --sketches pencil
	@"$(BIN)/s2f" train pix2pix --data "$(DEMO_DATA)" --profile demo --set time_budget_s=60
	@"$(BIN)/s2f" train cyclegan --data "$(DEMO_DATA)" --profile demo --set time_budget_s=20
	@"$(BIN)/s2f" faces sketch-to-face-512 "$(DEMO_DATA)/sketches/person-0001.png" --out runs/faces
	@"$(BIN)/s2f" app --check
	@$(PY) tools/demo_page.py "$(DEMO_DATA)" runs

# pytest runs last and also after an error of ruff, so that its closing line is always there; the exit status says
# whether all passed.
test: setup ## ruff, the fast tests, and every notebook in the profile fast
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	$(PYTEST) -m "not slow and not browser and not fuzz" --ignore=notebooks/solutions || status=1; \
	exit $$status

# Colab's packages go in one after the other by pip: three builds of OpenCV share a folder there, as in Colab.
test-all: S2F_EXTRA := test-browser
test-all: setup ## also slow tests, solutions, the pages in a Chromium, and Colab's versions (another 6 GB)
	@sh tools/setup_venv.sh "$(S2F_COLAB_VENV)" python3.13 -r tests/colab.txt
	@status=0; \
	$(PY) -m ruff check . || status=1; \
	$(PY) -m ruff format --check . || status=1; \
	"$(S2F_COLAB_VENV)/$(SCRIPTS)/python" tests/colab_check.py || status=1; \
	$(PYTEST) || status=1; \
	exit $$status

app: setup ## the web app on http://localhost:5000
	@"$(BIN)/s2f" app $(FLAGS)

lab: setup ## JupyterLab on the notebooks
	@"$(BIN)/jupyter-lab" --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks $(FLAGS)

notebooks: setup ## execute the series in the demo profile into runs/notebooks
	@S2F_PROFILE=$${S2F_PROFILE:-demo} $(PY) tools/run_notebooks.py --out runs/notebooks

lock: ## write uv.lock and requirements.txt from pyproject.toml; needs uv; FLAGS=--upgrade takes the newest versions
	@uv lock --default-index https://pypi.org/simple $(FLAGS)
	@uv export --quiet $(ALL_BUT) --no-emit-project --no-hashes --no-annotate --output-file requirements.txt

# A notebook's set-up cell installs the release that it belongs to; between releases (.dev) the main branch.
badges: ## write the public address of pyproject.toml and the release into README.md, CITATION.cff and the notebooks
	@old=$$(sed -n 's,^repository-code: https://github.com/,,p' CITATION.cff); \
	new=$$(sed -n 's,^Repository = "https://github.com/\(.*\)",\1,p' pyproject.toml); \
	version=$$(sed -n 's,^__version__ = "\(.*\)",\1,p' s2f_utils/__init__.py); \
	case $$version in *.dev*) release=main ;; *) release=v$$version ;; esac; \
	for file in README.md CITATION.cff notebooks/*.ipynb notebooks/solutions/*.ipynb; do \
		sed "s,github\(\.com\)*/$$old,github\1/$$new,g; s,\(git+https://github.com/$$new@\)[^\\\"]*,\1$$release," "$$file" \
			>"$$file.part" && mv "$$file.part" "$$file"; \
	done

docs: ## the notebooks and the documents as a site in site/; a broken link is an error
	@sh tools/setup_venv.sh "$(S2F_DOCS_VENV)" "$(PYTHON)" -r docs/site/requirements.txt
	@"$(S2F_DOCS_VENV)/$(SCRIPTS)/python" tools/build_site.py site $(FLAGS)

size: ## lines by room
	@python3 tools/size.py

bench: setup ## measure speed and memory into benchmarks/results (on a quiet machine)
	@for script in benchmarks/*_speed.py; do echo "$$script"; $(PY) "$$script" || exit 1; done

bench-gpu: setup ## all that needs a GPU, in parts that are saved one by one; tiny without a GPU
	@$(PY) benchmarks/gpu.py $(FLAGS)

clean: ## delete caches; environments, data and runs stay
	@rm -rf .pytest_cache .ruff_cache dist
	@find s2f_utils s2f_studio data_prep s2f_series tests tools notebooks benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
