#!/bin/sh
# The image's root file system is read-only, and the simulator's cache has to be writable: it is copied into the data folder.
set -eu
if [ ! -d "$NUMBA_CACHE_DIR" ]; then
  cp -a /app/kernel "$NUMBA_CACHE_DIR"
fi
exec crossover "$@"
