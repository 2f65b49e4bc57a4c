#!/bin/sh
# Makes or updates the one environment of this repository, .venv, with nothing but python3 and pip.
#
#   scripts/setup_env.sh run     the package and what it needs            (make demo)
#   scripts/setup_env.sh test    the same, with the test and lint tools   (make test)
#
# PYTHON=python3.12    the Python to start from
# TORCH_INDEX=URL      the package index that torch, and only torch, comes from
#
# A torch that the starting Python can import is used as it is. An existing .venv is kept.
# Where nothing has changed since the last time, this takes a few milliseconds.
set -eu
cd "$(dirname "$0")/.."

level=${1:-run}
case $level in
    run | test) ;;
    *)
        echo "setup_env.sh got '$level', which is no level. Use: scripts/setup_env.sh run|test" >&2
        exit 2
        ;;
esac

case $(uname -s) in
    MINGW* | MSYS* | CYGWIN*) bin=.venv/Scripts ;;
    *) bin=.venv/bin ;;
esac
stamp=.venv/spikeloom-env
# The folder is part of the key: an environment that was moved or copied is set up anew.
key="$(pwd) $(cat pyproject.toml constraints.txt scripts/setup_env.sh | cksum)"

if [ -x "$bin/python" ] && [ -f "$stamp" ] &&
    { grep -qxF "test $key" "$stamp" || grep -qxF "$level $key" "$stamp"; }; then
    exit 0
fi

fail() {
    echo >&2
    printf '%s\n' "$@" >&2
    exit 1
}

# The numbers that decide are written once, in pyproject.toml and constraints.txt.
torch_floor=$(sed -n 's/.*"torch>=\([0-9.]*\)".*/\1/p' pyproject.toml)
torch_pin=$(sed -n 's/^torch==//p' constraints.txt)

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# Prints the version where `$1` can import a torch that is recent enough.
torch_of() {
    "$1" -W ignore - "$torch_floor" 2>/dev/null <<'PYTHON'
import sys
import torch

def numbers(version):
    return [int(part) for part in version.split("+")[0].split(".")[:2]]

if numbers(torch.__version__) < numbers(sys.argv[1]):
    sys.exit(1)
print(torch.__version__)
PYTHON
}

if [ -x "$bin/python" ]; then
    is_new_enough "$bin/python" || fail \
        "The Python in .venv is older than 3.11, which spikeloom needs." \
        "Remove the folder .venv and run this again."
else
    python=
    for candidate in "${PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11 python; do
        if [ -n "$candidate" ] && is_new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail \
        "No Python >= 3.11 found (tried PYTHON, python3, python3.14 ... python3.11)." \
        "Install one (https://www.python.org/downloads/, or your system's package manager)," \
        "or say where it is: make demo PYTHON=/path/to/python3"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || fail \
        "$python has no venv module, so no environment can be made with it." \
        "Install it (Debian and Ubuntu: apt install python3-venv)," \
        "or use another Python: make demo PYTHON=/path/to/python3"

    rm -rf .venv # left over from a Python that is gone
    if version=$(torch_of "$python"); then
        echo "Making .venv with $python, which has torch $version."
        "$python" -m venv --system-site-packages .venv
        if ! torch_of "$bin/python" >/dev/null; then
            # $python lives in an environment of its own, which venv does not build upon.
            "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
                >"$("$bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/parent.pth"
        fi
    else
        echo "Making .venv with $python."
        "$python" -m venv .venv
    fi
fi

"$bin/python" -m pip --version >/dev/null 2>&1 || "$bin/python" -m ensurepip >/dev/null 2>&1 || fail \
    "The environment .venv has no pip, and ensurepip cannot give it one." \
    "Remove the folder .venv and run this again, or install pip into it."

pip() {
    "$bin/python" -m pip --disable-pip-version-check "$@"
}

constraints=.venv/constraints.txt
if version=$(torch_of "$bin/python"); then
    echo "Using torch $version, which is there already."
    [ "${version%%+*}" = "$torch_pin" ] || echo "(The tests ran on torch $torch_pin.)"
    { grep -v '^torch==' constraints.txt && echo "torch==$version"; } >$constraints
else
    cp constraints.txt $constraints
    echo "Downloading torch $torch_pin and about 80 MB of other packages."
    if [ -n "${TORCH_INDEX:-}" ]; then
        echo "torch comes from $TORCH_INDEX (a CPU build is about 200 MB, a CUDA build several GB)."
    else
        echo "torch is about 200 MB as a CPU build (macOS, Windows). On Linux pip may choose the CUDA"
        echo "build, several GB; the small one: TORCH_INDEX=https://download.pytorch.org/whl/cpu make demo"
    fi
    if ! pip install -q -c $constraints ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch; then
        [ -z "${python:-}" ] || rm -rf .venv # made just now, and of no use to the next attempt
        fail \
            "torch $torch_pin could not be installed (pip's reason is above)." \
            "Check the network, or choose another index: TORCH_INDEX=URL make demo" \
            "Or install torch >= $torch_floor into a Python of yours: make demo PYTHON=/path/to/python3"
    fi
fi

echo "Installing spikeloom into .venv."
# hatchling by hand: then the build needs no second environment, and its version is fixed too.
pip install -q -c $constraints hatchling &&
    pip install -q -c $constraints --no-build-isolation -e . || fail \
    "spikeloom's packages could not be installed (pip's reason is above)." \
    "Check the network (or pip's index settings) and run this again; what is done is kept."
if [ "$level" = test ]; then
    echo "Installing the test and lint tools (about 200 MB)."
    pip install -q "pip>=25.1" && # the first that knows dependency groups
        pip install -q -c $constraints --group test --group lint || fail \
        "The test tools could not be installed (pip's reason is above)." \
        "Check the network (or pip's index settings) and run this again; what is done is kept."
fi
echo "$level $key" >"$stamp"
