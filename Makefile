# Each target does its own set-up; all that is needed is some Python 3 with pip, and make.
# uv comes from PATH, else from PyPI into .build/; it finds a Python >= 3.12, also one that pyenv
# has installed but not activated.
SHELL := /bin/bash
export BSYNTH_DATA ?= $(abspath ../shared/data)
# Two cores are shared by chains and replicates already; threaded BLAS on small matrices only costs.
export OMP_NUM_THREADS ?= 1
PYENVS := $(subst $() $(),:,$(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.1[2-9]*/bin))
PYTHON := .venv/bin/python

# A recipe's first lines: find uv, or get it.
GET_UV = set -euo pipefail; uv=$$(command -v uv || true); \
	if [ -z "$$uv" ] || ! "$$uv" --version >/dev/null 2>&1; then \
	  uv=.build/uv/bin/uv; \
	  if [ ! -x $$uv ]; then python3 -m venv .build/uv && .build/uv/bin/python -m pip install -q uv; fi; \
	fi; export PATH="$(PYENVS):$$PATH"

.PHONY: setup demo pictures test coverage notebooks docs browser postgres cluster lint evidence bench fuzz lock dist wheel-test bare-test lowest-test clean

# Byte code is written here once, since where processes may not write it every one of them compiles all it imports. Set-up
# ends with compiling the models' density, which every process then loads; without it fits take longer.
setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	@$(GET_UV); \
	[ -x $(PYTHON) ] || "$$uv" venv -q --python '>=3.12' .venv; \
	"$$uv" pip sync -q --compile-bytecode --require-hashes --python $(PYTHON) requirements.lock; \
	"$$uv" pip install -q --no-deps --no-build-isolation --python $(PYTHON) -e .; \
	$(PYTHON) -m compileall -q bsynth; \
	.venv/bin/bsynth warm --quiet || true; \
	touch $@

demo: setup
	.venv/bin/bsynth demo --out demo

# Two processes; tests of one file stay together and share its fits.
SUITE := pytest -n 2 --dist loadfile -m "not evidence and not bench and not notebooks and not docs"
test: setup lint browser postgres cluster
	$(PYTHON) -m $(SUITE)

# Which branches of the package no test takes; half an hour.
coverage: setup
	$(PYTHON) -m $(SUITE) -q --cov --cov-report=json:.build/coverage.json --cov-report=term:skip-covered

# The README's pictures, from a demo run.
pictures: demo
	$(PYTHON) tests/plots/readme_pictures.py demo

# The gallery with few draws.
notebooks: setup
	$(PYTHON) -m pytest -m notebooks tests/test_notebooks.py

# The site in docs/_build/html, without network. Cells of its pages are run by the build, commands before it.
docs: setup
	$(PYTHON) -m pytest -m docs tests/test_documented.py
	rm -rf docs/_build docs/api/generated docs/models docs/gallery/*.ipynb docs/cli/bsynth-*.md
	$(PYTHON) -m sphinx -W --keep-going -q -b html -d docs/_build/doctrees docs docs/_build/html
	$(PYTHON) -m sphinx -W --keep-going -q -b text -d docs/_build/doctrees docs docs/_build/text

# The report is tested in Chromium, driven by a program that needs libatomic. On a bare Debian machine both are installed,
# where we may.
browser:
	@{ command -v chromium chromium-browser google-chrome >/dev/null && ldconfig -p | grep -q libatomic.so.1; } \
	  || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium libatomic1 >/dev/null; }

# One of the sources that must give the same panel. On a bare Debian machine it is installed, where we may.
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null \
	  || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null; }

# A study on a Dask cluster is tested on a real one. Dask stands apart, since xarray loads all of it wherever it is found.
cluster: setup
	@$(GET_UV); [ -d .build/dask/distributed ] \
	  || "$$uv" pip install -q --python $(PYTHON) --target .build/dask "distributed>=2024.8" || true

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/codespell bsynth models tests README.md .github docs/*.md docs/*.py docs/guides

# Hours for everything; finished pieces are kept in .evidence/ and an interrupted run goes on from them.
evidence: setup
	.venv/bin/bsynth models evidence default ar1 covariates dirichlet drift robust seasonal student-t standardised
	.venv/bin/bsynth models evidence sparse switched trend waves
	.venv/bin/bsynth models evidence level rollout --simulations 600
	$(PYTHON) -m pytest -m evidence -s
	$(PYTHON) tests/test_readme.py

# The speed table of the README, against other packages in environments of their own under .build/bench; an interrupted
# bench goes on where it stopped. Then what is timed within one process.
bench: setup
	$(PYTHON) tests/benchmarks/bench_engine.py
	$(PYTHON) tests/test_readme.py
	$(PYTHON) tests/benchmarks/bench_simplex.py
	$(PYTHON) tests/benchmarks/bench_bootstrap.py
	$(PYTHON) tests/benchmarks/bench_ingest.py --rows 20000000 --resamples 2
	$(PYTHON) tests/benchmarks/bench_many_fits.py
	$(PYTHON) tests/benchmarks/bench_report.py

# Readers of settings, tables and results, given what a fuzzer makes up, half an hour each; what crashes becomes a file of
# tests/fuzz/corpus, which `make test` reads.
fuzz: setup
	@$(GET_UV); [ -d .build/atheris/atheris ] \
	  || "$$uv" pip install -q --python $(PYTHON) --target .build/atheris "atheris>=3"
	for target in settings table result; do \
	  PYTHONPATH=.build/atheris $(PYTHON) tests/fuzz/run.py $$target $(or $(SECONDS_EACH),1800) || exit 1; done

dist: setup
	rm -rf dist
	$(PYTHON) -m hatchling build

# What needs neither real panels nor a browser, and samples little; for environments that are not ours.
SMOKE := tests/test_import.py tests/test_datasets.py tests/test_spec.py tests/test_panel.py tests/test_doctor.py \
	tests/test_export.py tests/test_archive.py tests/bad_inputs
APART = CI= OMP_NUM_THREADS=1 $(CURDIR)/.build/$(1)/bin/pytest -q -W default -p no:cacheprovider \
	-m "not evidence and not bench" -k "not wheel$(2)" $(SMOKE)

# The wheel as a user has it: in environments of its own, with nothing of this folder on the path, with every Python of
# these that is here.
PYTHONS ?= 3.12 3.13 3.14
wheel-test: dist
	@$(GET_UV); tried=0; for version in $(PYTHONS); do \
	  "$$uv" python find -q --no-python-downloads --system $$version >/dev/null 2>&1 \
	    || { echo "Python $$version: not on this machine, not tried"; continue; }; \
	  echo "Python $$version"; tried=1; \
	  $(MAKE) --no-print-directory bare-test VERSION=$$version; \
	done; [ $$tried = 1 ] || { echo "none of Python $(PYTHONS) is on this machine"; exit 1; }

BARE = bare-$(VERSION)
bare-test:
	@$(GET_UV); rm -rf .build/$(BARE); "$$uv" venv -q --no-python-downloads --python $(VERSION) .build/$(BARE); \
	"$$uv" pip install -q --python .build/$(BARE)/bin/python dist/*.whl "pytest>=8.3" "hypothesis>=6.100" "polars>=1.20"
	cd .build && $(BARE)/bin/python -c "import bsynth; assert 'site-packages' in bsynth.__file__, bsynth.__file__"
	cd .build && $(BARE)/bin/bsynth --version && $(BARE)/bin/bsynth doctor
	cd .build && $(BARE)/bin/bsynth demo --draws 200 --replicates 50 --out $(BARE)/demo; [ $$? = 0 -o $$? = 3 ]
	test -s .build/$(BARE)/demo/summary.json && test -s .build/$(BARE)/demo/report.html
	$(call APART,$(BARE),)

# The oldest versions that pyproject.toml allows: a bound that is too low is found here. Old readers of CSV round the last
# digit in another way, so what compares to it is left out.
lowest-test:
	@$(GET_UV); [ -x .build/lowest/bin/python ] || "$$uv" venv -q --python 3.12 .build/lowest; \
	"$$uv" pip install -q --resolution lowest-direct --python .build/lowest/bin/python . \
	  "pytest>=8.3" "hypothesis>=6.100" "polars>=1.20"
	$(call APART,lowest, and not published and not come_back_from_csv and not comes_back_with_fits)

lock:
	@$(GET_UV); \
	"$$uv" pip compile -q pyproject.toml --group dev --extra notebook --universal --generate-hashes \
	  --python-version 3.12 --no-emit-index-url --no-header -o requirements.lock

clean:
	rm -rf .venv .build dist demo docs/_build
