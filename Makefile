# One command each, with all its set-up, on a machine that has Rust (1.95 or newer) and Python (3.10 or newer):
#
#   make demo     build without the test tools, then show hits, files and a join of both for this repository
#   make test     every test, Rust and Python
#   make test-hard  what needs root, a loop device or minutes, with figures (VESPERA_CHURN_SECONDS=60 makes it shorter)
#   make fuzz     globs, ignore files, decoding, replacing, paths and chunking under libFuzzer, FUZZ_SECONDS=600 each; needs g++
#   make test-portable  the core's tests without what only Linux has: here, built for Windows under Wine, and type-checked
#                 for macOS (see tests/portable.sh; it takes half an hour, the first time longer)
#   make bench    the table of ratios beside rg, fd, b3sum and the physical limit (see benches/bench.py)
#   make notebooks  run the notebooks from clean kernels and keep what they show (NOTEBOOKS="02 05": some of them)
#   make kernels  the walk, the readers, the search and the tables one by one (see benches/kernels.rs)
#   make lint     rustfmt, clippy, ruff and mypy; needs `rustup component add rustfmt clippy` on a minimal toolchain
#   make nushell  the Nushell plugin, and a Nushell to try it with (by npm), in .venv/bin
#   make docs     the site, every warning an error, into notebooks/site (see notebooks/mkdocs.yml)
#   make build    only the editable release install into .venv
#   make wheel    the wheel, without the compiler's line tables, and the source distribution, into WHEELS
#
# CARGO_FLAGS=--locked makes every Cargo call refuse a stale Cargo.lock (.ci/run sets it).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := demo

# One target folder for every clone, so that the dependencies are compiled once in a life.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/vespera_file_ops/target
export PIP_DISABLE_PIP_VERSION_CHECK := 1

PYTHON ?= python3
CARGO_FLAGS ?=
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet
RUST_SOURCES := Cargo.toml Cargo.lock pyproject.toml $(shell find src -name '*.rs')
# Several Rust tests start threads and count descriptors: nextest runs each in its own process.
RUST_TESTS := $(if $(shell command -v cargo-nextest),cargo nextest run --no-tests=pass,cargo test)

.PHONY: demo test test-rust test-python test-hard test-portable fuzz bench notebooks kernels lint nushell docs build wheel \
  owner clean

demo: build
	$(BIN)/python notebooks/demo.py
	@printf '%s\n' '' '# next:' '  source .venv/bin/activate' '  vfo search TODO .' '  vfo --help'

test: test-rust test-python

test-rust: owner
	$(RUST_TESTS) --release $(CARGO_FLAGS)

test-python: build nushell $(VENV)/dev
	PATH="$(BIN):$$PATH" $(BIN)/python -m pytest

test-portable:
	tests/portable.sh

# How long truncation is tried against maps (hazard 1), in seconds, all sizes and orders together.
test-hard: export VESPERA_CHURN_SECONDS ?= 3600
# TESTS=tests/python/test_x.py runs the hard tests of one file.
test-hard: build $(VENV)/dev
	PATH="$(BIN):$$PATH" $(BIN)/python -m pytest -m hard $(TESTS)

# The coverage that libFuzzer steers by is a pass of the compiler that stable Rust has but does not show.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= rules decoding replacement paths chunking
FUZZ_FOLDER = $(CARGO_TARGET_DIR)/fuzz
FUZZ_HOST = $(shell rustc -vV | sed -n 's/host: //p')
FUZZ_FLAGS := -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,level=4 inline-8bit-counters pc-table \
  trace-compares) --cfg=fuzzing
fuzz:
	cd tests/fuzz && RUSTC_BOOTSTRAP=1 RUSTFLAGS="$(FUZZ_FLAGS)" CARGO_TARGET_DIR="$(FUZZ_FOLDER)" \
	  cargo build --release --target $(FUZZ_HOST) $(CARGO_FLAGS)
	@for target in $(FUZZ_TARGETS); do \
	  mkdir -p "$(FUZZ_FOLDER)/corpus/$$target"; echo "== $$target"; \
	  "$(FUZZ_FOLDER)/$(FUZZ_HOST)/release/$$target" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 \
	    -max_len=4096 -print_final_stats=1 -verbosity=0 -print_funcs=0 -artifact_prefix="$(FUZZ_FOLDER)/$$target-" \
	    "$(FUZZ_FOLDER)/corpus/$$target"; \
	done

bench: build $(VENV)/dev
	PATH="$(BIN):$$PATH" $(BIN)/python benches/bench.py

notebooks: build $(VENV)/dev
	PATH="$(BIN):$$PATH" $(BIN)/python notebooks/run.py $(NOTEBOOKS)

kernels: owner
	cargo bench --bench kernels $(CARGO_FLAGS)

lint: $(VENV)/dev owner
	@for tool in fmt clippy; do cargo $$tool --version >/dev/null 2>&1 || \
	  { echo "make lint needs cargo $$tool: rustup component add rustfmt clippy" >&2; exit 2; }; done
	cargo fmt --check
	PYO3_PYTHON=$(BIN)/python cargo clippy --release --all-targets --features polars,nushell $(CARGO_FLAGS) -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: build $(VENV)/dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict -f notebooks/mkdocs.yml
	@echo "notebooks/site/index.html"

build: $(VENV)/built

# The environment itself, with what the package and its build need and no more.
$(VENV)/base: pyproject.toml tests/requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --constraint tests/requirements.txt maturin argcomplete polars cloudpickle tqdm
	touch $@

# The tools of the tests, the linters and the benchmark, in exact versions.
$(VENV)/dev: $(VENV)/base
	@echo "installing the tools of the tests: a minute or two"
	$(PIP) --requirement tests/requirements.txt
	touch $@

$(VENV)/built: $(VENV)/base $(RUST_SOURCES) | owner
	@echo "compiling the core and Polars: some minutes the first time, and seconds after that"
	PATH="$(BIN):$$PATH" MATURIN_STRIP=false MATURIN_PEP517_ARGS="$(CARGO_FLAGS)" \
	  $(PIP) --no-build-isolation --no-deps --editable .
	touch $@

# The plugin is a program of its own, which nobody debugs where it is installed: without its symbols it is a fifth of the
# size. The flag is for the last step alone, so that every dependency stays the one that the other targets compile.
# Without npm, the tests of the plugin in a real Nushell are skipped, and say so.
nushell: $(VENV)/plugin $(if $(shell command -v npm),$(VENV)/nu)

$(VENV)/plugin: $(VENV)/base $(RUST_SOURCES) | owner
	cargo rustc --release --features nushell --bin nu_plugin_vfo $(CARGO_FLAGS) -- -C strip=symbols
	cp "$(CARGO_TARGET_DIR)/release/nu_plugin_vfo" $(BIN)/nu_plugin_vfo
	touch $@

# Nushell takes plugins of its own minor version only.
NU_VERSION := 0.115.1
NU_SYSTEM := $(if $(filter Darwin,$(shell uname -s)),darwin,linux)-$(if $(filter arm64 aarch64,$(shell uname -m)),arm64,x64)
$(VENV)/nu: Makefile | $(VENV)/base
	npm install --silent --no-save --prefix $(VENV)/npm @nushell/$(NU_SYSTEM)@$(NU_VERSION)
	ln -sf ../npm/node_modules/@nushell/$(NU_SYSTEM)/bin/nu $(BIN)/nu
	touch $@

WHEELS ?= $(CARGO_TARGET_DIR)/dist
wheel: $(VENV)/base owner
	rm -rf "$(WHEELS)"
	PATH="$(BIN):$$PATH" $(BIN)/maturin build --release --quiet --out "$(WHEELS)" $(CARGO_FLAGS)
	PATH="$(BIN):$$PATH" $(BIN)/maturin sdist --out "$(WHEELS)"
	@ls -l "$(WHEELS)"

# Cargo tells two clones in one target folder apart by nothing but the age of their files: without this, a clone that
# is older than another one's last build would get that one's library. Touching a file makes the crate itself new.
owner:
	@mkdir -p "$(CARGO_TARGET_DIR)"
	@if [ "$$(cat "$(CARGO_TARGET_DIR)/vespera_clone" 2>/dev/null)" != "$(CURDIR)" ]; then \
	  touch src/lib.rs tests/rust/main.rs; echo "$(CURDIR)" > "$(CARGO_TARGET_DIR)/vespera_clone"; fi

clean:
	rm -rf $(VENV) python/vespera_file_ops/_core*.so
