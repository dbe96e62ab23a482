# SPDX-License-Identifier: GPL-2.0-only
#
# A thin front: each target is a script that says more about itself in its head. The module's own
# build rules are in Kbuild.

.DEFAULT_GOAL := all
export T LANES KVER

all: module ## The same as module

module: ## Build dm-remap.ko for the running kernel; KVER=current|previous|RELEASE for another
	@scripts/module $(KVER)

demo: ## A failing disk loses no write: a story of some two minutes, in a virtual machine
	@scripts/demo

test: ## Everything below; the last line sums up. T=NAME selects tests by a part of their name
	@scripts/test

test-host: ## The logic, on this machine, in seconds
	@scripts/test host

test-uml: ## The module in debug kernels that are ordinary processes (user-mode Linux)
	@scripts/test uml

test-vm: ## The module in Debian's own kernel, in QEMU
	@scripts/test vm

check: ## Format, lints of host and kernel code, documentation, style
	@scripts/check

format: ## Format the Rust code as check wants it
	@scripts/enter sh -c "find src tests -name '*.rs' -print0 | xargs -0 rustfmt --edition 2021"

bench: ## Measure: instructions of the I/O path, throughput, remaps, loading; results in target/bench.tsv
	@scripts/bench

simulate: ## Judge scan order and predictor on simulated disks; tables and pictures in target/simulation
	@scripts/enter cargo run --release --quiet --locked --bin remapctl -- simulate

man: ## Manual pages and completions of remapctl, in target/man and target/completions
	@scripts/enter cargo run --quiet --locked --bin remapctl -- pages target

deb: ## Debian packages of the module's source (DKMS) and of remapctl, in target/deb
	@scripts/deb

test-packages: ## The packages: what is in them, DKMS in a Debian 13, and their life in one that boots
	@scripts/test packages

pictures: ## The pictures of the documentation, of what the tool says, in docs/pictures
	@mkdir -p docs/pictures
	@DM_REMAP_PICTURES=/src/docs/pictures scripts/enter cargo test --quiet --locked --test cli_map --test cli_report_browser -- the_picture_of_the_documentation

crash: ## Cut the power at more than ten thousand points, and look for what is lost
	@scripts/crash

faults: ## Let allocations, requests and disks fail for an hour; scripts/faults --minutes N for less
	@scripts/faults

churn: ## A scanner under suspends, reloads and removals for ten minutes; scripts/churn --minutes N for less
	@scripts/churn

fuzz: ## Look for input that a parser cannot bear, ten minutes each; scripts/fuzz --minutes N for less
	@scripts/fuzz

rust-project: ## Write rust-project.json, for rust-analyzer
	@scripts/rust-project

update: ## Ask the archive for newer kernels (asked otherwise only when the cache is new)
	@scripts/kernels --update

install: ## Install the module for the running kernel (or KVER=RELEASE); as root, after make
	@scripts/install $(KVER)

uninstall: ## Remove it again
	@scripts/install --remove $(KVER)

clean: ## Remove what was built here; the cache (DM_REMAP_CACHE, ~/.cache/dm-remap) stays
	rm -rf target rust-project.json

clean-cache: ## Remove the cache: toolchain, kernel trees, kernels
	@scripts/clean-cache

help: ## This
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: all module demo test test-host test-uml test-vm check format bench simulate man pictures deb test-packages crash faults churn fuzz rust-project update \
	install uninstall clean clean-cache help
