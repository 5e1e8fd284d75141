#!/bin/sh
# Makes a virtual environment by pip, or finds that it is ready. `make setup` uses it where there is no uv.
#
#   setup_venv.sh VENV PYTHON ARGUMENT...
#
# VENV      folder of the environment; made if it is not there
# PYTHON    interpreter to make it with; "auto": the first of several names that is Python 3.11 to 3.14
# ARGUMENT  what `pip install` is given, such as -r requirements.txt
#
# A stamp in VENV, written last, says what was installed, so that an interrupted installation goes on at the next call.
# It holds a checksum, not times: a fresh checkout of the same files installs nothing again, and an environment that two
# clones share is pointed at the one that asks.
set -eu

VENV=$1
PYTHON=$2
shift 2

fail() {
    echo "set-up: $*" >&2
    exit 1
}

fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null
}

stamp=$VENV/.s2f-installed
wanted="$(pwd -P): $* $(cat pyproject.toml requirements.txt docs/site/requirements.txt tests/colab.txt | cksum)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

python_in_venv=$VENV/bin/python
if [ -d "$VENV/Scripts" ]; then python_in_venv=$VENV/Scripts/python.exe; fi # Windows', under Git Bash

if ! "$python_in_venv" -m pip --version >/dev/null 2>&1; then
    if [ ! -f "$VENV/pyvenv.cfg" ] && [ -n "$(ls -A "$VENV" 2>/dev/null)" ]; then
        fail "$VENV is not a virtual environment and not empty: name another folder with S2F_VENV"
    fi
    if [ "$PYTHON" = auto ]; then
        for PYTHON in python3 python3.13 python3.12 python3.11 python3.14; do
            if fits "$PYTHON"; then break; fi
        done
    fi
    fits "$PYTHON" || fail "Python 3.11 to 3.14 is needed, and $PYTHON is not: name one, make PYTHON=/path/to/python3.12"
    "$PYTHON" -m venv "$VENV" || fail "$PYTHON cannot make environments; on Debian or Ubuntu: apt install python3-venv"
    if [ -d "$VENV/Scripts" ]; then python_in_venv=$VENV/Scripts/python.exe; fi
fi
fits "$python_in_venv" || fail "$VENV does not have Python 3.11 to 3.14: delete the folder"

echo "set-up: installing into $VENV (the first time some minutes)"
quiet=--quiet
if [ -t 1 ]; then quiet=; fi # a person sees the progress; a log does not need 300 lines of it
"$python_in_venv" -m pip install --disable-pip-version-check $quiet "$@" ||
    fail "pip could not install all; its message is above. Run the same command again to go on"
echo "$wanted" >"$stamp"
echo "set-up: $VENV is ready"
