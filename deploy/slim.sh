#!/bin/sh
# Removes from a virtual environment what the service never reads: debug symbols, tests, sources of compiled modules.
# Usage: slim.sh VENV
set -eu
site=$(echo "$1"/lib/python3.*/site-packages)
# Into a new file: an installer may have linked the old one to its cache and to other environments.
# shellcheck disable=SC2016  # expanded by the inner shell
find "$site" -name '*.so*' -type f -exec sh -c '
    set -e
    for library; do
        strip --strip-unneeded -o "$library.slim" "$library"
        chmod --reference "$library" "$library.slim"
        mv "$library.slim" "$library"
    done' slim {} +
find "$site" -type d \( -name tests -o -name __pycache__ \) -prune -exec rm -rf {} +
find "$site" -type f \( -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' -o -name '*.c' -o -name '*.h' \) -delete
