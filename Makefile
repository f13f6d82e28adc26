# make demo   see the agent find a person and tell a server, with no camera, broker or network
# make test   every test but the slowest
# make test-system    long runs: edits under load, damage of every table, changes that tests must notice
# make test-machines  packages built, bare Debian roots booted: install, upgrade, remove (as root)
# make test-packages  the part of it that CI runs: both packages, install.sh, Debian 13 booted once
# make test-native  what another processor could break: tests of the libraries with machine code
# make mutation   would a test notice? (MUTATIONS=60 PACKAGES=outbox SEED=8)
# make fuzz   spoilt bytes for every parser of what comes from outside, many (FUZZ_RUNS=20000 FUZZ_SEED=1)
# make check  what a commit must pass: format, lint, types, layers, tests
# make deb    Debian packages for amd64 and arm64, in dist/; make wheels: folders for install.sh --wheels
# make messages  what people read in Vietnamese: adds new messages to the catalogue, and compiles it
# make lock   pin anew what goes onto a box (packaging/*.lock)
# make bench  the figures of benchmarks/README.md
# make bench-decode  what decoding costs and what the gate misses (an hour; stopped, it goes on; needs ffmpeg)

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# `make -j` would run linters and tests into each other's output.
.NOTPARALLEL:
.PHONY: demo test test-system test-machines test-packages test-native mutation fuzz check lint format docs messages bench bench-decode wheel wheels deb lock clean

demo: $(VENV)/.demo
	$(BIN)/edge-agent demo

# Five at a time, on two cores too: most tests wait for sockets, timers and processes. Files with
# slow tests come first (tests/conftest.py), so that none is alone at the end.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 5 --dist loadfile --no-loadscope-reorder -m 'not system'

test-system: $(VENV)/.dev
	$(BIN)/python -m pytest -m system --timeout 1800 --ignore tests/packaging

# Builds the packages and boots bare Debian roots: most of an hour, as root.
test-machines: $(VENV)/.deb
	$(BIN)/python -m pytest -m system --timeout 1800 tests/packaging

test-packages: $(VENV)/.deb
	$(BIN)/python -m pytest -m system --timeout 1800 tests/packaging/test_build.py \
		tests/packaging/test_install_wheels.py tests/packaging/test_debian_package.py \
		-k 'test_build or twice_is_once or damaged_wheel or (13 and (first_install or two_wrong))'

# Each library with machine code by its quick tests: onnxruntime, OpenCV, PyAV, msgspec, SQLite.
NATIVE := tests/detect/test_decoders.py tests/detect/test_nms.py tests/detect/test_mapping.py \
	tests/detect/test_onnx_detector.py tests/detect/test_shipped.py tests/motion/test_blobs.py \
	tests/media/test_jpeg.py tests/sources/test_decoder.py tests/sources/test_pixels.py \
	tests/contract/test_payload.py tests/contract/test_ulid.py tests/outbox/test_outbox.py \
	tests/test_clock.py tests/test_atomic_file.py tests/demo/test_self_test.py
test-native: $(VENV)/.dev
	$(BIN)/python -m pytest -m 'not system and not slow' $(NATIVE)

# Would a test notice? Changes lines of four packages, one at a time, MUTATIONS of each; for a look at
# one package PACKAGES=outbox. `make test-system` tries the first ten of each. Which test runs which
# line is kept in .mutation_cache/.
MUTATIONS ?= 60
SEED      ?= 7
PACKAGES  ?=
mutation: $(VENV)/.dev
	$(BIN)/python tests/mutation --sample $(MUTATIONS) --seed $(SEED) $(PACKAGES)

FUZZ_RUNS ?= 20000
fuzz: $(VENV)/.dev
	FUZZ_RUNS=$(FUZZ_RUNS) $(BIN)/python -m pytest -n 2 --timeout 3600 tests/fuzz

check: lint test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev
	$(BIN)/edge-agent config schema --markdown > docs/config.md
	$(BIN)/edge-agent doctor --codes > docs/codes.md

messages: $(VENV)/.dev
	$(BIN)/python packaging/messages.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

bench-decode: $(VENV)/.dev
	$(BIN)/python -m benchmarks.decode --report benchmarks/decode.md

wheel: $(VENV)/.dev
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .

# ARCH=arm64 builds one of them only. Two builds of one commit are the same byte for byte.
wheels deb: $(VENV)/.deb
	$(BIN)/python packaging/build.py $@ $(addprefix --arch ,$(ARCH))

lock: $(VENV)/.dev
	$(BIN)/python packaging/lock.py

clean:
	rm -rf $(VENV) build dist *.egg-info out .mutation_cache .mypy_cache .ruff_cache .pytest_cache

# A stamp for each set of dependencies; `make demo` does not pay for the developers' tools.
$(VENV)/.demo: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -qq --editable '.[demo]'
	touch $@

$(VENV)/.dev: setup.cfg pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -qq --editable '.[dev]'
	touch $@ $(VENV)/.demo

# The tools have a part in the bytes of a package: the locked versions, no others.
$(VENV)/.deb: packaging/build.lock $(VENV)/.dev
	$(BIN)/python -m pip install -qq --no-deps --require-hashes -r packaging/build.lock
	touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "edge-agent needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install -qq --upgrade pip
