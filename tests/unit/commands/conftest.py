"""Runs commands in process, or as a process of their own."""

import hashlib
import io
import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from advisor.advice import consumer_search, recommendation
from advisor.advice.evaluation import Evaluation
from advisor.decisions.engines import Engine
from advisor.decisions.management import running, workload
from advisor.decisions.management.commands import advise, export
from core.errors import Problem
from core.values import Value
from simulator.experiment import Estimate
from simulator.result import Result
from simulator.scenario import Scenario
from simulator.traces import Trace
from tests.sites import shared_folder
from tests.unit.reports import results

Run = Callable[..., str]


Once = Callable[[Callable[..., Any]], Callable[..., Any]]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a function work out each of its values once, for all processes of the suite. Callbacks are no part of what is asked."""
    folder = shared_folder(tmp_path_factory) / "worked-out"
    folder.mkdir(exist_ok=True)

    def worked_out_once(function: Callable[..., Any]) -> Callable[..., Any]:
        def known(*given: Any, **named: Any) -> Any:
            asked = [
                function.__qualname__,
                *map(comparable, given),
                *((name, comparable(named[name])) for name in named),
            ]
            place = folder / hashlib.sha256(repr(asked).encode()).hexdigest()
            if not place.exists():
                part = place.with_suffix(f".{os.getpid()}")
                part.write_bytes(pickle.dumps(function(*given, **named)))
                part.rename(place)
            return pickle.loads(place.read_bytes())  # noqa: S301  written above

        return known

    return worked_out_once


def comparable(value: Any) -> Any:
    match value:
        case Value():
            return value.model_dump_json()
        case Evaluation():
            return comparable(value.answers)
        case Trace():
            return [
                comparable(each)
                for each in (value.arrivals_s, value.input_tokens, value.output_tokens, value.service_s)
            ]
        case np.ndarray():
            return hashlib.sha256(value.tobytes()).hexdigest()
        case _ if callable(value):
            return None
    return value


@pytest.fixture(autouse=True)
def _advise_once(monkeypatch: pytest.MonkeyPatch, once: Once) -> None:
    """The commands are asked about the same answers again and again, and the advice takes seconds."""
    for command in (advise, export):
        monkeypatch.setattr(command, "advise", once(recommendation.advise))
    monkeypatch.setattr(workload, "advised_scenario", once(consumer_search.advised_scenario))


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
