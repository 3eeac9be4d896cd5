#!/bin/sh
# Install what bellis needs to build and run, and nothing that is there already. When all is there, this takes no time
# and no network. With apt the missing packages are installed; elsewhere the script says which modules to load.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

# What the package gives is looked for first, so that an MPI, HDF5 or LLVM from elsewhere (a module, say) is as good.
missing_packages() {
    have mpirun || echo openmpi-bin
    have mpicc || echo libopenmpi-dev
    have gcc || echo gcc
    have g++ || echo g++ # one of Zarr's compressors is C++
    have pkg-config || echo pkg-config
    [ -n "${HDF5_DIR:-}" ] || installed libhdf5-openmpi-dev || echo libhdf5-openmpi-dev
    [ -n "${LIBCLANG_PATH:-}" ] || installed libclang-dev || echo libclang-dev # rsmpi reads mpi.h with it
}

advise_modules() {
    say "Load what your site calls these, and try again:"
    say "    module load openmpi llvm hdf5-parallel"
    say "    export LIBCLANG_PATH=DIR    # the directory that holds libclang.so, if it is not found"
    say "    export HDF5_DIR=DIR         # where the parallel HDF5 is, if it is not found"
}

install_with_apt() {
    if [ "$(id -u)" -eq 0 ]; then
        as_root=
    elif have sudo; then
        as_root=sudo
    else
        say "these packages are missing, and there is neither root nor sudo to install them: $*"
        advise_modules
        exit 1
    fi
    say "installing $*"
    $as_root apt-get update
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

check_cargo() {
    if ! have cargo; then
        say "cargo is missing: install Rust with rustup, or load your site's module (module load rust)"
        exit 1
    fi
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(cargo --version | cut -d ' ' -f 2)
    oldest=$(printf '%s\n%s\n' "$needed" "$found" | sort -V | head -n 1)
    if [ "$oldest" != "$needed" ]; then
        say "cargo is $found, bellis needs $needed or newer: rustup update stable"
        exit 1
    fi
}

if have apt-get && have dpkg-query; then
    missing=$(missing_packages)
    # shellcheck disable=SC2086  # one word per package
    [ -z "$missing" ] || install_with_apt $missing
elif ! have mpicc || ! have mpirun; then
    say "mpicc and mpirun are not both on the PATH, and there is no apt to install them with."
    advise_modules
    exit 1
fi
check_cargo
