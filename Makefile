# Two commands do everything: `make up` and `make test`. `make help` lists them all.

NAME ?= dev
NODES ?= 3
export CARGO_TERM_COLOR ?= always

RELEASE := $(or $(CARGO_TARGET_DIR),target)/release
PROGRAMS := skiff apiserver scheduler controller-manager kubelet kubectl-lite

.PHONY: help up down build images test lint unit e2e bench

help: ## Show this
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Set up what is missing, build, start a cluster of three nodes, run the example in it
	@scripts/need.sh up
	@$(MAKE) --no-print-directory build
	@scripts/up.sh "$(RELEASE)" "$(NAME)" "$(NODES)"

down: ## Remove the cluster with everything in it
	@test -x "$(RELEASE)/skiff" || $(MAKE) --no-print-directory build
	@"$(RELEASE)/skiff" down --name "$(NAME)"

build: ## Build the programs, with optimizations
	cargo build --release --locked $(PROGRAMS:%=--package %)

images: build ## Load the images skiff/pause and skiff/hello into Docker Engine
	"$(RELEASE)/skiff" image build

test: ## Everything, on the real Docker Engine with real kubectl and helm too
	@scripts/need.sh test
	@$(MAKE) --no-print-directory lint unit e2e

lint: ## Formatting, lints, licences and sources of dependencies
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	@scripts/deny.sh

# Programs and tests in one build, so that both have the same features of the same dependencies and nothing is built
# twice; the tests on the engine run the programs that this leaves in target/debug.
unit: ## The tests that need nothing but this repository
	cargo build --workspace --bins --tests --locked
	cargo nextest run --workspace --locked
	cargo test --workspace --doc --locked --quiet

e2e: ## The tests that run whole clusters on Docker Engine
	@scripts/need.sh test
	cargo build --workspace --bins --tests --locked
	PATH="$$PATH:$$(scripts/clients.sh)" cargo nextest run --workspace --locked --profile e2e

bench: ## Measure, and print a table
	@scripts/need.sh up
	@$(MAKE) --no-print-directory build
	cargo run --release --locked --package bench
