#!/bin/sh
# Makes a virtual environment, or finds that it is ready (well under a second). By uv where it is there, else by pip.
#
#   setup_venv.sh VENV PYTHON REQUIREMENTS [PROJECT]
#
# VENV          folder of the environment; made if it is not there
# PYTHON        interpreter to make it with; "auto" takes python3, python3.12, python3.11, python3.13 or python3.14, the
#               first that fits
# REQUIREMENTS  file of pinned packages
# PROJECT       folder of the clone to install in editable mode, without its dependencies; left out: none. Its
#               constraints.txt holds the packages that others need: their versions, and the hashes of all
#
# What was installed is remembered in stamps inside VENV, each written only after its step has succeeded, so that an
# interrupted installation goes on at the next call. A stamp holds checksums, not times: a fresh checkout of the same
# files installs nothing again, and an environment shared by two clones is pointed at the one that asks.
# SUPPORTED overrides the accepted versions ("3.11 3.12 3.13 3.14"), oldest first. S2F_UV=no keeps to pip.
# S2F_EXTRA installs what REQUIREMENTS marks as an extra's, too, such as S2F_EXTRA=test-browser.
set -eu

VENV=$1
PYTHON=$2
REQUIREMENTS=$3
PROJECT=${4:-}
SUPPORTED=${SUPPORTED:-"3.11 3.12 3.13 3.14"}

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
    for candidate in python3 python3.12 python3.11 python3.13 python3.14; do
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

UV=
if [ "${S2F_UV:-}" != no ] && command -v uv >/dev/null 2>&1; then UV=uv; fi

# Compiled once, by both: else the first imports wait, and all of them where nothing may be written (torch: 2 to 4 s).
install() { # what to install, as pip and uv both understand it
    if [ -n "$UV" ]; then
        uv pip install --compile-bytecode --python "$(python_in_venv)" "$@"
    else
        "$(python_in_venv)" -m pip install --disable-pip-version-check "$@"
    fi
}

constraints=
if [ -n "$PROJECT" ] && [ -f "$PROJECT/constraints.txt" ]; then constraints=$PROJECT/constraints.txt; fi
wanted_packages=$(cat "$REQUIREMENTS" ${constraints:+"$constraints"} | cksum)
packages_stamp=$VENV/.s2f-packages
project_stamp=$VENV/.s2f-project
if [ -n "$PROJECT" ]; then
    wanted_project="$(cksum <"$PROJECT/pyproject.toml") $(cd "$PROJECT" && pwd -P)"
else
    wanted_project=
fi

packages_ready() { is_stamp "$packages_stamp" "$wanted_packages" && [ -x "$(python_in_venv)" ]; }
extra_stamp=$VENV/.s2f-extra-${S2F_EXTRA:-none}
extra_ready() { [ -z "${S2F_EXTRA:-}" ] || is_stamp "$extra_stamp" "$wanted_packages"; }
project_ready() { [ -z "$PROJECT" ] || is_stamp "$project_stamp" "$wanted_project"; }

if packages_ready && extra_ready && project_ready; then exit 0; fi

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
    if [ -t 1 ]; then quiet=; fi # a person sees the progress; a log does not need 300 lines of it
    # Older ones do not take a hash from constraints.txt.
    [ -n "$UV" ] || install --quiet "pip>=25.3" || fail "pip could not bring itself up to date; its message is above"
    install $quiet -r "$REQUIREMENTS" ${constraints:+-c "$constraints"} ||
        fail "${UV:-pip} could not install $(basename "$REQUIREMENTS"); its message is above. Run the same command again to go on"
    remember "$packages_stamp" "$wanted_packages"
fi

if ! extra_ready; then
    part=$VENV/s2f-extra.txt
    sed -n "s/ [;a][nd]* extra == \"$S2F_EXTRA\"//p" "$REQUIREMENTS" >"$part"
    [ -s "$part" ] || fail "$(basename "$REQUIREMENTS") marks nothing as of the extra $S2F_EXTRA"
    install --quiet -r "$part" ${constraints:+-c "$constraints"} ||
        fail "${UV:-pip} could not install the extra $S2F_EXTRA; its message is above"
    remember "$extra_stamp" "$wanted_packages"
fi

if ! project_ready; then
    install --quiet --no-deps -e "$PROJECT" ||
        fail "${UV:-pip} could not install the project itself; its message is above"
    remember "$project_stamp" "$wanted_project"
    # Here, where the packages come from an index as well; what needs it fetches it where this failed.
    "$(python_in_venv)" -m s2f_studio weights mobile-stylegan >/dev/null ||
        echo "set-up: the pretrained generator is not here; the line above says how to get it" >&2
fi
echo "set-up: $VENV is ready"
