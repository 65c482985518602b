#!/bin/sh
# Makes the Python environment of this example, once: pythia8mc, uproot, awkward and numpy as in requirements.txt, about 220 MB
# (half a minute with a good connection). It is for this user, not for one production; run it again at any time.
#
# usage: sh setup.sh
#   FABRICA_PYTHIA8_VENV  where it shall be; default ~/.cache/fabrica/pythia8
#   PYTHON                the Python to make it with, 3.11 to 3.13 (pythia8mc has wheels for no later one); default: the first of
#                         python3, python3.13, python3.12, python3.11 that is one
#
# Jobs look for it in ~/.cache/fabrica/pythia8, because a job's environment has little more than HOME and PATH. If it is made
# elsewhere, a link there leads to it.
#
# Several runs at the same time wait for each other. An environment counts only once `complete` is in it, which is written last:
# what a broken run left is removed by the next one.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
default=${HOME:?}/.cache/fabrica/pythia8
venv=${FABRICA_PYTHIA8_VENV:-$default}

fail() {
  echo "setup.sh: $*" >&2
  exit 1
}

case $venv in
  /*) ;;
  *) fail "FABRICA_PYTHIA8_VENV must be an absolute path, not $venv" ;;
esac

# Sets `python` to the first of these that will do.
choose_python() {
  for python in "$@"; do
    "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && return 0
  done
  return 1
}

if [ -n "${PYTHON-}" ]; then set -- "$PYTHON"; else set -- python3 python3.13 python3.12 python3.11; fi
choose_python "$@" ||
  fail "needs Python 3.11, 3.12 or 3.13; name one by PYTHON=/path/to/python3"

mkdir -p "$(dirname "$venv")" "$(dirname "$default")"

# The kernel frees the lock when this shell and all that it has started are gone, however they end.
exec 9>"$default.lock"
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'

is_complete() {
  [ -e "$venv/complete" ] && [ "$(cat "$venv/complete")" = "$(cat "$here/requirements.txt")" ]
}

if ! is_complete; then
  # An environment of somebody else's is not ours to remove.
  if [ -e "$venv" ] && [ ! -e "$venv/fabrica-pythia8" ] && [ -n "$(ls -A "$venv")" ]; then
    fail "$venv is there, and is not of this script's making: remove it, or name another place by FABRICA_PYTHIA8_VENV"
  fi
  echo "making the environment in $venv"
  rm -rf "$venv/complete" "$venv"
  mkdir "$venv"
  : >"$venv/fabrica-pythia8"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --only-binary :all: --requirement "$here/requirements.txt"
  "$venv/bin/python" -c 'import awkward, numpy, pythia8mc, uproot'
  cp "$here/requirements.txt" "$venv/complete.new"
  mv "$venv/complete.new" "$venv/complete"
fi

if [ "$venv" != "$default" ]; then
  if [ -L "$default" ] || [ ! -e "$default" ]; then
    # A link is never missing, not even for a moment: another job may be looking.
    ln -s "$venv" "$default.$$"
    "$python" -c 'import os, sys; os.replace(*sys.argv[1:])' "$default.$$" "$default"
  else
    echo "setup.sh: NOTE: jobs will use $default, which is there, unless their sites set FABRICA_PYTHIA8_VENV" >&2
  fi
fi
echo "ready: $venv"
