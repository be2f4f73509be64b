#!/bin/sh
# Make the virtual environment $1 with the interpreter $PYTHON, installing Debian's python3-venv where it is missing.
set -eu
if ! command -v "$PYTHON" >/dev/null 2>&1; then
    echo "No interpreter named '$PYTHON': install Debian's package python3, or say make PYTHON=/path/to/python3." >&2
    exit 1
fi
if ! "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Keywright needs Python 3.11 or newer and '$PYTHON' is older: say make PYTHON=/path/to/python3." >&2
    exit 1
fi
if ! "$PYTHON" -c 'import ensurepip, venv' >/dev/null 2>&1; then
    if [ "$(id -u)" != 0 ]; then
        echo "Python's venv module is missing: install Debian's package python3-venv and try again." >&2
        exit 1
    fi
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >&2
fi
rm -rf "$1"
"$PYTHON" -m venv "$1"
