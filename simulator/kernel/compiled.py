"""How the event loops are compiled: once, cached on disk under a hash of every source file of the kernel.

Numba's own cache watches only the file of the function it compiled, and would keep a loop whose helpers have changed.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import types
from numba.core.registry import CPUDispatcher

from core.units import DAY_S

_njit: Any = numba.njit
_unliteral: Any = types.unliteral
F = TypeVar("F", bound=Callable[..., Any])
HERE = Path(__file__).parent


def _stamp() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(HERE.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _prune(place: Path, keep: Path) -> None:
    """Delete caches of changed sources that were last written over a day ago."""
    for folder in place.glob("kernel-*"):
        if folder != keep and time.time() - folder.stat().st_mtime > DAY_S:
            shutil.rmtree(folder, ignore_errors=True)


def _folder() -> str:
    places = [
        os.environ.get("NUMBA_CACHE_DIR"),
        str(HERE / "__pycache__"),
        str(Path.home() / ".cache" / "crossover"),
    ]
    for place in filter(None, places):
        folder = Path(place) / f"kernel-{_stamp()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            _prune(Path(place), folder)
            return str(folder)
    return tempfile.mkdtemp(prefix="crossover-kernel-")


CACHE = _folder()


class Part(CPUDispatcher):
    """Compiled code without a wrapper for Python, which takes long to compile: only compiled code can call it."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Treat literal arguments as their types: else the part would be compiled anew for each number."""
        plain = [_unliteral(given) for given in args]
        return super().get_call_template(plain, {name: _unliteral(given) for name, given in kws.items()})

    def __call__(self, *arguments: Any) -> Any:
        raise TypeError(
            f"{self.py_func.__name__} is a part of the event loops: make it an @entry to call it from Python"
        )


def compiled(function: F) -> F:
    """Compile a part of an event loop: no interpreter, division by IEEE 754. The entry that calls it is cached, it is not."""
    return _part(function, forceinline=False)


def inlined(function: F) -> F:
    """Compile a part that is inlined: for what is done at every event and is called in one or two places."""
    return _part(function, forceinline=True)


def _part(function: F, *, forceinline: bool) -> F:
    part = _njit(
        nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=forceinline
    )(function)
    part.__class__ = Part
    return cast(F, part)


def entry(function: F) -> F:
    """Compile and cache a function that Python calls, with its parts; it releases the GIL."""
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, CACHE
    try:
        return cast(F, _njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function))
    finally:
        settings.CACHE_DIR = before


def dispatched(parts: Sequence[Any]) -> Any:
    """Compile a call of one of some parts: `chosen(place, *arguments)` calls the part at that place; the first ones are the fastest."""
    first, *rest = parts
    if not rest:

        @compiled
        def last(place: int, *arguments: Any) -> Any:
            return first(*arguments)

        return last
    others = dispatched(rest)

    @compiled
    def chosen(place: int, *arguments: Any) -> Any:
        return first(*arguments) if place == 0 else others(place - 1, *arguments)

    return chosen


def is_cached() -> bool:
    return all(
        any(Path(CACHE).rglob(f"*.run_{loop}-*.nbc")) for loop in ("synchronous", "event_driven", "single_station")
    )
