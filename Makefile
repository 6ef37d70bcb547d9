# Everything that is done here by hand. `make test` and `make demo` install what they need, without root, in
# .venv and .demo; they want CPython 3.10 or newer, cargo and a C compiler.

PYTHON ?= python3
VENV := .venv
STAMPS := $(VENV)/.stamps
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The build's own programs are found on PATH.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# What takes its time, mounts or kills runs alone; of the others, what needs nothing but this checkout and an index.
BESIDE := not slow and not ds and not root
QUICK := $(BESIDE) and not shared

RUST := Cargo.toml Cargo.lock .cargo/config.toml $(shell find rust -name '*.rs')
BACKEND := pyproject.toml $(wildcard build_backend/*.py)

.DELETE_ON_ERROR:
.PHONY: help test test-all lint lint-python lint-core core demo docs bench bench-local bench-dev chart campaign clean-room clean prerequisites

help:
	@echo 'make test        the tests that need nothing but this checkout and a package index'
	@echo 'make demo        an environment, its lock, two nodes, a Dask job; beside uv'
	@echo 'make test-all    make test, the slow tests, linters, documentation: what .ci/run does'
	@echo 'make lint        linters and type checks'
	@echo 'make docs        the documentation, into site/'
	@echo 'make bench       fastenv beside uv and py-rattler, three rounds: half an hour, as root, and nothing else running'
	@echo 'make bench-local the last part of that: locks of code that is edited'
	@echo 'make bench-dev   timings of scan and lock, and of the stages of the core'
	@echo 'make chart       docs/speed.svg, from the newest results'
	@echo 'make campaign    the long fault tests, at full size (root, more than an hour)'
	@echo 'make clean-room  make test and make demo in a fresh Debian (root)'
	@echo 'make clean       remove what the others made, but not the downloads of pip, uv and cargo'

prerequisites:
	@PYTHON='$(PYTHON)' sh .ci/prerequisites

# A stamp is touched after its step has succeeded, so an interrupted step is done again, and whole.
$(STAMPS)/made: | prerequisites
	@echo '==> a virtual environment in $(VENV)'
	@$(PYTHON) -m venv --clear $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/build-tools: build_backend/requirements.txt $(STAMPS)/made
	@echo '==> the tools of the build: maturin, cargo-zigbuild, ziglang'
	@$(PIP) install -r build_backend/requirements.txt
	@touch $@

$(STAMPS)/installed: $(RUST) $(BACKEND) $(STAMPS)/build-tools
	@echo '==> fastenv, its dependencies and its node program (minutes the first time)'
	@$(PIP) install --no-build-isolation --editable .
	@touch $@

# It installs fastenv, too: what is compiled already is not compiled again.
$(STAMPS)/dev: $(RUST) $(BACKEND) $(STAMPS)/build-tools
	@echo '==> fastenv, its node program, and what the tests and linters need (minutes the first time)'
	@$(PIP) install --no-build-isolation --editable '.[dev]'
	@touch $(STAMPS)/installed $@

test: $(STAMPS)/dev
	@echo '==> the tests'
	@$(BIN)/pytest -n auto -m '$(QUICK)'

# The type checker and the documentation keep one processor busy, compiling the core fills the others.
test-all: $(STAMPS)/dev
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-python docs core
	@echo '==> the tests, all of them'
	@$(BIN)/pytest -n auto -m '$(BESIDE)'
	@$(BIN)/pytest -m 'not ($(BESIDE))'

lint: lint-python lint-core

lint-python: $(STAMPS)/dev
	@echo '==> linters'
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m mypy.stubtest fastenv._core --mypy-config-file pyproject.toml

lint-core: $(STAMPS)/dev
	@echo '==> linters of the core'
	@cargo fmt --check
	@cargo clippy --quiet --all-targets -- -D warnings

core: lint-core
	@echo '==> the tests of the core'
	@cargo test --quiet

docs: $(STAMPS)/dev
	@echo '==> the documentation, into site/'
	@$(BIN)/mkdocs build --quiet --strict

demo: $(STAMPS)/installed
	@$(BIN)/python demo/demo.py --python '$(PYTHON)'

# 183 distributions and 2 GB: made once.
.bench/ds.done: benches/sets/ds.txt | $(STAMPS)/dev
	@echo '==> the environment that the benchmarks look at (2 GB, once)'
	@rm -rf .bench/ds && mkdir -p .bench
	@$(BIN)/uv venv --quiet --python '$(PYTHON)' .bench/ds
	@$(BIN)/uv pip install --quiet --python .bench/ds -r benches/sets/ds.txt
	@touch $@

# BENCH='--rows cold,warm --rounds 1' measures less, LOCAL='--rows replaced' less of the second.
bench: $(STAMPS)/dev
	@echo '==> fastenv beside uv and py-rattler; locks of code that is edited'
	@passed=0; $(BIN)/python -m benches.against $(BENCH) || passed=1; \
	$(if $(BENCH),:,$(BIN)/python -m benches.local $(LOCAL)) || passed=1; exit $$passed

bench-local: $(STAMPS)/dev
	@echo '==> locks of code that is edited'
	@$(BIN)/python -m benches.local $(LOCAL)

bench-dev: .bench/ds.done
	@echo '==> the stages'
	@$(BIN)/python benches/scan.py .bench/ds
	@$(BIN)/python benches/lock.py .bench/ds
	@cargo bench --quiet --bench stages

chart: $(STAMPS)/dev
	@$(BIN)/python benches/chart.py

campaign: $(STAMPS)/dev
	@echo '==> the campaigns'
	@$(BIN)/pytest --campaign-size full -m slow tests/end_to_end tests/attacks
	@$(BIN)/pytest --campaign-size full -rA tests/campaign
	@FASTENV_FUZZ_SECONDS=600 cargo test --test rust fuzz:: -- --nocapture --test-threads=1
	@[ -e /dev/mapper/control ] || echo 'no device mapper here: no disk that fails in the middle of a write'
	@echo 'not tried: NFS itself, only locks that fail as its do'

clean-room:
	@sh tests/end_to_end/clean_room.sh

clean:
	rm -rf $(VENV) .demo .bench .clean-room target site dist python/fastenv/node
	rm -f python/fastenv/_core*.so
