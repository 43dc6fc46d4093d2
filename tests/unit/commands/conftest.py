"""Runs commands in process, or as a process of their own."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from advisor.decisions.engines import Engine
from advisor.decisions.management import running
from core.errors import Problem
from simulator.experiment import Estimate
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.traces import Trace
from tests.unit.reports import results

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*arguments: str, stdin: str | None = None) -> str:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        output = io.StringIO()
        call_command(*arguments, stdout=output)
        return output.getvalue()

    return call


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    def call(*arguments: str, stdin: str | None = None) -> Any:
        return json.loads(run(*arguments, "--format", "json", stdin=stdin))

    return call


class Recorder:
    def __init__(self) -> None:
        self.scenario: Scenario | None = None
        self.trace: Trace | None = None
        self.replications: int | None = None
        self.memory_bytes = 1000
        self.problems: tuple[Problem, ...] = ()

    def simulate(
        self,
        scenario: Scenario,
        *,
        trace: Trace | None,
        replications: int | None,
        on_progress: Any,
        durations_s: Any = None,
    ) -> Result:
        self.scenario, self.trace, self.replications = scenario, trace, replications
        return results.result()

    def estimate(self, scenario: Scenario, trace: Trace | None, replications: int | None) -> Estimate:
        return Estimate(jobs=1, memory_bytes=self.memory_bytes)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(
        running, "ENGINES", {"kernel": Engine(recorder.simulate, recorder.estimate, lambda scenario: recorder.problems)}
    )
    return recorder


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def to(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return to
