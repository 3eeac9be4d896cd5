#!/bin/sh
# Install what bellis needs to build and run, and nothing that is there already. When all is there, this takes no time
# and no network. With apt the missing packages are installed; elsewhere the script says which modules to load.
#
#     setup.sh             what everybody needs
#     setup.sh test DIR    and what the tests need: h5dump, and in DIR the Python libraries that bellis is compared with
set -eu
purpose=${1:-}
environments=${2:-}
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

# The Python that makes the environments: one with wheels of all that goes into them.
find_python() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    return 1
}

missing_test_packages() {
    have h5dump || echo hdf5-tools
    find_python >/dev/null || echo python3 python3-venv
}

advise_modules() {
    say "Load what your site calls these, and try again:"
    say "    module load openmpi llvm hdf5-parallel"
    [ "$purpose" != test ] || say "    module load python          # 3.11 or newer, with venv; h5dump comes with hdf5"
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

# Made once, of nothing but itself (clusters' modules set PYTHONPATH): what is half made, of other requirements or by a Python that is gone is made again.
make_environment() {
    unset PYTHONPATH
    requirements=tests/interop/requirements-$1.txt
    environment=$environments/$1
    finds_numpy='import importlib.util, sys; sys.exit(importlib.util.find_spec("numpy") is None)'
    if cmp -s "$requirements" "$environment/requirements.txt" && "$environment/bin/python" -c "$finds_numpy"; then
        return
    fi
    say "making $environment, with libraries from the Python Package Index"
    rm -rf "$environment"
    "$(find_python)" -m venv "$environment"
    if ! "$environment/bin/python" -m pip --disable-pip-version-check install --quiet -r "$requirements"; then
        say "pip could not install $requirements: this takes the network, once"
        exit 1
    fi
    cp "$requirements" "$environment/requirements.txt"
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
    missing=$(missing_packages; [ "$purpose" != test ] || missing_test_packages)
    # shellcheck disable=SC2086  # one word per package
    [ -z "$missing" ] || install_with_apt $missing
elif ! have mpicc || ! have mpirun; then
    say "mpicc and mpirun are not both on the PATH, and there is no apt to install them with."
    advise_modules
    exit 1
fi
check_cargo
if [ "$purpose" = test ]; then
    if ! have h5dump || ! find_python >/dev/null; then
        say "the tests need h5dump, and a python3 of version 3.11 or newer with venv; not both are on the PATH."
        advise_modules
        exit 1
    fi
    make_environment zarr3
    make_environment zarr2
fi
