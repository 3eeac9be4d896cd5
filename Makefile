# What a developer types. `make help` lists it; `.ci/run` is what a change has to pass.

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
CARGO ?= cargo
MPIRUN ?= mpirun
# Ranks of the demo: one schedules, the others work.
NP ?= 4
DEMO_ARGS ?= --input made-up --output demo-out/smooth.zarr --sigma 2 --png demo-out
# In the long form of the tests under faults: processes killed by each test of chaos, seeds of each simulation, seconds of
# each target that is fed with damage.
KILLS ?= 50
SEEDS ?= 100000
FUZZ_S ?= 600
BENCHES := scheduler dispatch scale storage faults
# What the storage bench is measured beside.
PEER := $(TARGET_DIR)/peer/bin/zarrs_reencode

# rustup's default place, for shells that have not been told of it.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Where the tests find the Python libraries that bellis is compared with.
export INTEROP_PYTHON ?= $(abspath $(TARGET_DIR))/interop

# Most tests wait: for a launcher to start ranks, and for ranks to find each other. Two for each core keep it at work.
export RUST_TEST_THREADS ?= $(shell expr 2 \* $$(nproc))
# What starts the ranks of tests, too.
export MPIRUN

# How MPI is started is the launcher's affair: all of it stands here, none of it in the library.
# More ranks than cores: Open MPI 4 reads the first, Open MPI 5 the second; ranks that wait give the core away.
export OMPI_MCA_rmaps_base_oversubscribe ?= 1
export PRTE_MCA_rmaps_default_mapping_policy ?= :oversubscribe
export OMPI_MCA_mpi_yield_when_idle ?= 1
# mpirun refuses root, who is all there is in many containers.
ifeq ($(shell id -u),0)
export OMPI_ALLOW_RUN_AS_ROOT := 1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM := 1
endif
# Containers forbid one process to read another's memory; Open MPI 4 would complain at every large message.
ifneq ($(wildcard /.dockerenv /run/.containerenv),)
export OMPI_MCA_btl_vader_single_copy_mechanism ?= none
endif

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test test-corpus test-slurm test-faults check peer bench bench-short clean-demo

help:
	@echo 'make setup        install what is missing (Debian, Ubuntu), or say which modules to load'
	@echo 'make setup-test   the same, and what only tests need: h5dump, Python libraries in $(TARGET_DIR)/interop'
	@echo 'make demo         smooth a made-up 256^3 volume on $(NP) ranks (NP=...), into demo-out/'
	@echo 'make test         all tests: unit, integration, examples, documentation'
	@echo 'make test-corpus  several thousand arrays of others, to every format and back; CORPUS_SEED=... tries others'
	@echo 'make test-faults  what CI runs in short form, in full: kills, crashes, damaged files (hours; see tests/README.md)'
	@echo 'make test-slurm   the job script on a real Slurm of this machine (root, slurm-wlm, munge): losses, time limits'
	@echo 'make check        formatting, lints, documentation, and the build without MPI and Zarr'
	@echo 'make peer         build zarrs_reencode, which the storage bench is measured beside'
	@echo 'make bench        all benchmarks in full'
	@echo 'make bench-short  each benchmark once, shortened and not optimised: $(BENCHES)'
	@echo 'make clean-demo   remove demo-out/'

setup:
	@.ci/setup.sh

setup-test:
	@.ci/setup.sh test "$(INTEROP_PYTHON)"

demo: setup clean-demo
	$(CARGO) build --release --bin bellis
	@mkdir -p demo-out
	$(MPIRUN) -n $(NP) $(TARGET_DIR)/release/bellis smooth $(DEMO_ARGS)
	@ls -l demo-out/*.png

test: setup-test
	$(CARGO) test

# In the profile of the tests, whose checks stay on. Each step is one of tests/README.md's.
test-faults: setup-test
	$(CARGO) test --test ranks how_long_a_loss -- --nocapture
	BELLIS_CHAOS_KILLS=$(KILLS) $(CARGO) test --test chaos -- --nocapture
	BELLIS_SIM_SEEDS=$(SEEDS) $(CARGO) test --test simulation -- --nocapture
	BELLIS_FUZZ_S=$(FUZZ_S) $(CARGO) test --test fuzz -- --nocapture

# Takes root, and slurm-wlm and munge; SLURM_FORM=short leaves out what takes minutes.
test-slurm: setup
	$(CARGO) test --no-run --test ranks
	.ci/test-slurm.sh $(TARGET_DIR)/debug/testbed $(SLURM_FORM)

# Which pairs of properties come together is chosen by the seed; `make test` tries some of them.
test-corpus: setup-test
	CORPUS_ROUNDS=$${CORPUS_ROUNDS:-2} $(CARGO) test --test corpus -- --nocapture

check: setup
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --no-deps

peer: $(PEER)

$(PEER):
	$(CARGO) install zarrs_tools --version 0.8.1 --locked --bin zarrs_reencode --root $(TARGET_DIR)/peer

bench: setup peer
	$(CARGO) bench

# In the profile of the tests, which have built nearly all of it: that they run is what this is for, and not how fast.
bench-short: setup
	$(CARGO) bench --profile dev $(addprefix --bench ,$(BENCHES)) -- --short

clean-demo:
	rm -rf demo-out
