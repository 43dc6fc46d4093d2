"""How the event loops are compiled: once, cached on disk under a hash of every source file of the kernel.

Numba's own cache watches only the file of the function it compiled, and would keep a loop whose helpers have changed.
"""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
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
    """Forget what was compiled from sources that have changed, a day after it was last written."""
    for folder in place.glob("kernel-*"):
        if folder != keep and time.time() - folder.stat().st_mtime > DAY_S:
            shutil.rmtree(folder, ignore_errors=True)


def _folder() -> str:
    """The first of the usual places that can be written."""
    places = [os.environ.get("NUMBA_CACHE_DIR"), str(HERE / "__pycache__"), str(Path.home() / ".cache" / "crossover")]
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
    """Compiled code that only compiled code calls: it has no way in from Python, which takes longer to make than many a part."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Numbers that stand in a call are like any others: else the part would be compiled anew for each."""
        plain = [_unliteral(given) for given in args]
        return super().get_call_template(plain, {name: _unliteral(given) for name, given in kws.items()})

    def __call__(self, *arguments: Any) -> Any:
        raise TypeError(
            f"{self.py_func.__name__} is a part of the event loops: make it an @entry to call it from Python"
        )


def compiled(function: F) -> F:
    """A part of an event loop, compiled without the interpreter, division as IEEE 754 has it. The loop that it ends up in is what is cached."""
    return _part(function, forceinline=False)


def inlined(function: F) -> F:
    """A part that is put in place where it is called: for what is done at every event, and is called in one place or two."""
    return _part(function, forceinline=True)


def _part(function: F, *, forceinline: bool) -> F:
    part = _njit(
        nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=forceinline
    )(function)
    part.__class__ = Part
    return cast(F, part)


def entry(function: F) -> F:
    """What Python calls: compiled (it releases the GIL) together with its parts, and cached."""
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, CACHE
    try:
        return cast(F, _njit(cache=True, nogil=True, error_model="numpy", no_cfunc_wrapper=True)(function))
    finally:
        settings.CACHE_DIR = before


def is_cached() -> bool:
    """Whether the event loops have been compiled before, on this machine and from these sources."""
    return all(any(Path(CACHE).rglob(f"*.run_{loop}-*.nbc")) for loop in ("synchronous", "event_driven", "plain"))
