"""The simulator as a library: docs/python-api.md has its names, with units and examples.

Importing this loads nothing; each name loads what it needs when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.errors import InvalidInput
    from simulator.experiment import simulate
    from simulator.job_rows import simulate_jobs
    from simulator.recordings.trace_files import read_trace
    from simulator.recordings.understanding import RecordingQuestion
    from simulator.result import DesignResult, Result
    from simulator.result_tables import tabulate
    from simulator.scenario import Scenario
    from simulator.traces import Trace, TraceError

__all__ = [
    "DesignResult",
    "InvalidInput",
    "RecordingQuestion",
    "Result",
    "Scenario",
    "Trace",
    "TraceError",
    "read_trace",
    "simulate",
    "simulate_jobs",
    "tabulate",
]

_MODULES = {
    "DesignResult": "simulator.result",
    "InvalidInput": "core.errors",
    "RecordingQuestion": "simulator.recordings.understanding",
    "Result": "simulator.result",
    "Scenario": "simulator.scenario",
    "Trace": "simulator.traces",
    "TraceError": "simulator.traces",
    "read_trace": "simulator.recordings.trace_files",
    "simulate": "simulator.experiment",
    "simulate_jobs": "simulator.job_rows",
    "tabulate": "simulator.result_tables",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
