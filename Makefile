# The one door: people, CI and the docs use these names.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO      ?= cargo
PYTEST     := target/venv/bin/python -m pytest -c tests/lab/pytest.ini --rootdir .
# Two workers: a call is mostly waiting, but two cores are soon full.
PEER_JOBS  ?= 2
NEXTEST_PROFILE ?= $(if $(CI),ci,default)
ARCHIVES   ?=
SEEDS      ?= 100000
FUZZ_SECONDS ?= 20

.PHONY: help demo test install unit soak docs-test peers clients bench test-archives fmt lint deny fuzz-smoke build-server build-release

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a real encrypted call into an example AI application, on this machine
	@tests/lab/install.sh build
	$(CARGO) run --release --locked --bin strongline -- demo

test: install unit soak docs-test build-release ## everything: unit, soak, black box, must-not-compile, real SIP peers, foreign clients, load
	$(PYTEST) -n $(PEER_JOBS) -m 'not alone' tests/peers tests/clients
	$(PYTEST) -m alone tests/peers tests/clients

install: ## install what the tests need (Debian packages as root; Python and Node packages into target/)
	tests/lab/install.sh build nextest peers

unit: ## the Rust tests: cores in virtual time, tests/it, tests/ui
	$(CARGO) nextest run --locked --workspace --all-features --profile $(NEXTEST_PROFILE)

# Optimised, with every check of a debug build. A seed that fails is printed: STRONGLINE_SEED=N runs it alone.
soak: ## anything that peers can do, in SEEDS random lives of two endpoints (100000)
	STRONGLINE_SEEDS=$(SEEDS) $(CARGO) test --locked --profile soak --package sip-core --test calls -- soak --nocapture

docs-test: ## the examples in the documentation
	$(CARGO) test --locked --workspace --all-features --doc --quiet

build-server:
	tests/lab/install.sh build peers
	$(CARGO) build --locked --bin strongline

# What the load test runs: separate commands, since a build of both would give the server the instrument's features.
build-release:
	$(CARGO) build --release --locked --package strongline --bin strongline
	$(CARGO) build --release --locked --package load

peers: build-server build-release ## sipp, baresip, Kamailio and scanners against the server, and a hundred calls at once
	$(PYTEST) -n $(PEER_JOBS) -m 'not alone' tests/peers
	$(PYTEST) -m alone tests/peers

clients: build-server ## unmodified client libraries of three languages against the server
	$(PYTEST) -n $(PEER_JOBS) -m 'not alone' tests/clients
	$(PYTEST) -m alone tests/clients

bench: ## benchmarks, and target/bench/summary.json (FLOOR=DIR: against the least a call can cost)
	@tests/lab/install.sh build
	benches/bench.py $(if $(FLOOR),--floor $(FLOOR)) $(BENCH_ARGS)

test-archives: ## the RFCs' own archives, read in place: make test-archives ARCHIVES=DIR
	@test -n "$(ARCHIVES)" || { echo "say where: make test-archives ARCHIVES=DIR" >&2; exit 2; }
	@test -d "$(ARCHIVES)" || { echo "$(ARCHIVES) is no folder" >&2; exit 2; }
	STRONGLINE_ARCHIVES="$(abspath $(ARCHIVES))" $(CARGO) nextest run --locked --workspace --all-features \
	  --profile $(NEXTEST_PROFILE) --ignore-default-filter -E 'binary(archives) or test(/(^|::)archives::/)'

fmt: ## format the Rust code
	$(CARGO) fmt --all

lint: ## formatting and clippy as CI has them
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets --all-features -- -D warnings

deny: ## the dependency gate: advisories, bans, licences, sources
	@tests/lab/install.sh deny
	tests/lab/deny.sh

# The sanitizers are unstable options; RUSTC_BOOTSTRAP lets the stable toolchain take them.
fuzz-smoke: ## every fuzz target for FUZZ_SECONDS each
	tests/lab/install.sh fuzz
	cd fuzz && for target in $$($(CARGO) fuzz list); do \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) -timeout=5; done
