#!/bin/sh
# Removes from a virtual environment what the service never reads: debug symbols, tests, sources of compiled modules.
# Usage: slim.sh VENV
set -eu
site=$(echo "$1"/lib/python3.*/site-packages)
find "$site" -name '*.so*' -type f -exec strip --strip-unneeded {} +
find "$site" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
find "$site" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.c' -o -name '*.h' \) -delete
