#!/bin/sh
# Makes a virtual environment, or finds that it is ready (well under a second).
#
#   setup_venv.sh VENV PYTHON REQUIREMENTS [PROJECT]
#
# VENV          folder of the environment; made if it is not there
# PYTHON        interpreter to make it with; "auto" takes the first of python3, python3.12, python3.11, python3.13 that fits
# REQUIREMENTS  file of pinned packages
# PROJECT       folder of the clone to install in editable mode, without its dependencies; left out: none
#
# What was installed is remembered in stamps inside VENV, each written only after its step has succeeded, so that an
# interrupted installation goes on at the next call. A stamp holds checksums, not times: a fresh checkout of the same
# files installs nothing again, and an environment shared by two clones is pointed at the one that asks.
# SUPPORTED overrides the accepted versions ("3.11 3.12 3.13"), oldest first.
set -eu

VENV=$1
PYTHON=$2
REQUIREMENTS=$3
PROJECT=${4:-}
SUPPORTED=${SUPPORTED:-"3.11 3.12 3.13"}

fail() {
    echo "set-up: $*" >&2
    exit 1
}

version_of() { # prints 3.11, or nothing when there is no such interpreter
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true
}

supported() {
    case " $SUPPORTED " in *" $1 "*) [ -n "$1" ] ;; *) return 1 ;; esac
}

in_words() {
    echo "$SUPPORTED" | sed 's/ .* / to /'
}

choose_python() {
    if [ "$PYTHON" != auto ]; then
        version=$(version_of "$PYTHON")
        [ -n "$version" ] || fail "PYTHON=$PYTHON does not run; Python $(in_words) is needed"
        supported "$version" || fail "PYTHON=$PYTHON is Python $version; $(in_words) is needed"
        return
    fi
    seen=
    for candidate in python3 python3.12 python3.11 python3.13; do
        version=$(version_of "$candidate")
        if supported "$version"; then
            PYTHON=$candidate
            return
        fi
        [ -z "$version" ] || seen="$seen $candidate is $version;"
    done
    fail "no Python $(in_words) found (${seen:- no python3 at all}); install one, or name it: make PYTHON=/path/to/python3.12"
}

python_in_venv() { # Windows' Python, under Git Bash, has Scripts instead of bin
    if [ -x "$VENV/Scripts/python.exe" ]; then echo "$VENV/Scripts/python.exe"; else echo "$VENV/bin/python"; fi
}

remember() { # stamp text: complete or absent
    printf '%s\n' "$2" >"$1.part"
    mv -f "$1.part" "$1"
}

is_stamp() {
    [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

wanted_packages=$(cksum <"$REQUIREMENTS")
packages_stamp=$VENV/.s2f-packages
project_stamp=$VENV/.s2f-project
if [ -n "$PROJECT" ]; then
    wanted_project="$(cksum <"$PROJECT/pyproject.toml") $(cd "$PROJECT" && pwd -P)"
else
    wanted_project=
fi

packages_ready() { is_stamp "$packages_stamp" "$wanted_packages" && [ -x "$(python_in_venv)" ]; }
project_ready() { [ -z "$PROJECT" ] || is_stamp "$project_stamp" "$wanted_project"; }

if packages_ready && project_ready; then exit 0; fi

if ! packages_ready; then
    rm -f "$packages_stamp" "$project_stamp"
    if ! "$(python_in_venv)" -m pip --version >/dev/null 2>&1; then
        # Only an empty folder, or an environment that was interrupted while it was being made, is written to.
        if [ -d "$VENV" ] && [ ! -f "$VENV/pyvenv.cfg" ] && [ -n "$(ls -A "$VENV")" ]; then
            fail "$VENV is not a virtual environment and not empty: name another folder with S2F_VENV"
        fi
        choose_python
        echo "set-up: making $VENV with $("$PYTHON" -c 'import sys; print("Python %d.%d.%d" % sys.version_info[:3])')"
        "$PYTHON" -m venv "$VENV" || fail "$PYTHON cannot make environments; on Debian or Ubuntu: apt install python3-venv"
    fi
    version=$(version_of "$(python_in_venv)")
    supported "$version" || fail "$VENV has ${version:+Python }${version:-no working Python}; $(in_words) is needed: delete the folder"
    case $(cat "$REQUIREMENTS") in
    *torch==*) takes="several minutes, and up to 7 GB with CUDA; only once" ;;
    *) takes="only once" ;;
    esac
    echo "set-up: installing $(basename "$REQUIREMENTS") into $VENV ($takes)"
    quiet=--quiet
    if [ -t 1 ]; then quiet=; fi # a person sees pip's progress; a log does not need 300 lines of it
    # Older ones build basicsr, which gfpgan needs (Python 3.11), in a way that does not find the right parts of torch.
    "$(python_in_venv)" -m pip install --disable-pip-version-check --quiet "pip>=25.3" ||
        fail "pip could not bring itself up to date; its message is above"
    "$(python_in_venv)" -m pip install --disable-pip-version-check $quiet -r "$REQUIREMENTS" ||
        fail "pip could not install $(basename "$REQUIREMENTS"); its message is above. Run the same command again to go on"
    # gfpgan (Python 3.11) brings opencv-python, which overwrites the headless build in the folder that both use and does
    # not load without the system library libGL. The headless build goes on top again.
    headless=$(sed -n 's/^\(opencv-python-headless==[^ ;#]*\).*/\1/p' "$REQUIREMENTS")
    if [ -n "$headless" ] && "$(python_in_venv)" -m pip show --quiet opencv-python >/dev/null 2>&1; then
        "$(python_in_venv)" -m pip install --disable-pip-version-check --quiet --force-reinstall --no-deps "$headless" ||
            fail "pip could not install $headless again; its message is above"
    fi
    remember "$packages_stamp" "$wanted_packages"
fi

if ! project_ready; then
    "$(python_in_venv)" -m pip install --disable-pip-version-check --quiet --no-deps -e "$PROJECT" ||
        fail "pip could not install the project itself; its message is above"
    remember "$project_stamp" "$wanted_project"
fi
echo "set-up: $VENV is ready"
