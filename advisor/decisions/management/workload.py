"""Reads a FILE: Answers or a Scenario, with the trace that it names."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from django.core.management.base import CommandParser
from numpy.typing import NDArray

from advisor.advice.answers import Answers, answers_from
from advisor.advice.consumer_search import advised_scenario
from advisor.advice.evaluation import Evaluation
from advisor.advice.library import DEFAULT_TEMPLATE
from advisor.advice.library_overrides import Library, apply_overrides, library_from_file
from advisor.advice.proposed_answers import answers_of_requests, propose_from_recording
from advisor.advice.scenario import scenario_from, scenario_of
from advisor.advice.yaml_json import LARGEST_REPORT_BYTES, document_kind, read_mapping, read_report, with_lines
from advisor.decisions.limits import TRACE_ROWS
from advisor.decisions.management.console import BadInput, problems_in
from advisor.decisions.management.recording_options import option_of
from advisor.reports.document.answers import LABELS, value_words
from advisor.reports.understood import understood
from core.errors import InvalidInput
from simulator.arrivals import TraceArrivals
from simulator.recordings.understanding import Corrections, ReadRecording, RecordingQuestion
from simulator.scenario import Failures, Scenario
from simulator.services import EmpiricalService
from simulator.traces import Trace

STANDARD_INPUT = "-"
Read = TypeVar("Read")


@dataclass(frozen=True)
class Workload:
    scenario: Scenario
    trace: Trace | None = None
    title: str = ""
    durations_s: NDArray[np.float64] | None = None
    """Service times to draw from, if the Scenario names a file of them."""
    template: str = DEFAULT_TEMPLATE
    """Its sample documents are sent in a live run."""

    def seeded(self, seed: int | None) -> "Workload":
        if seed is None:
            return self
        return replace(self, scenario=self.scenario.model_copy(update={"seed": seed}))


@dataclass(frozen=True)
class Source:
    given: Mapping[str, Any]
    name: str
    folder: Path
    corrections: Corrections = field(default_factory=Corrections)
    """Of how a recording is read."""
    report: Callable[[str], Any] = lambda _: None
    """Called with a line for each thing that was understood of a recording."""
    recordings: dict[Path, ReadRecording] = field(default_factory=dict)
    answers: list[Answers] = field(default_factory=list)
    """Those of the file, once they have been read."""
    simulated: Mapping[str, Any] | None = None
    """The Scenario of a report that was simulated."""


def add_library(parser: CommandParser) -> None:
    parser.add_argument("--library", metavar="FILE", help="hops and provider profiles to lay over the shipped ones")


def read(
    file: str,
    library: str | None = None,
    corrections: Corrections | None = None,
    report: Callable[[str], Any] = lambda _: None,
) -> Source:
    """Read the mapping in a YAML or JSON file (`-`: standard input), and merge the figures of a library file.

    Raises BadInput, with the file and if possible the line.
    """
    name = "standard input" if file == STANDARD_INPUT else file
    folder = Path() if file == STANDARD_INPUT else Path(file).parent
    with problems_in(name):
        data, short = _bytes(file), name if file == STANDARD_INPUT else Path(file).name
        given, of_report = read_mapping(data, short), read_report(data, short) or {}
    if library is not None:
        given.update(apply_overrides(given, _library_in(library)))
    return Source(
        given, name, folder, corrections or Corrections(), report, simulated=of_report.get("scenario") or None
    )


def _library_in(file: str) -> Library:
    with problems_in(file):
        given = read_mapping(_bytes(file), Path(file).name)
        try:
            return library_from_file(given)
        except InvalidInput as error:
            raise with_lines(error, given) from error


def _bytes(file: str) -> bytes:
    if file == STANDARD_INPUT:
        return sys.stdin.buffer.read(LARGEST_REPORT_BYTES + 1)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(LARGEST_REPORT_BYTES + 1)
    except FileNotFoundError as error:
        raise BadInput(f"{file}: there is no such file") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{file}: cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def answers_in(source: Source) -> Answers:
    """Build the Answers in a FILE. A trace's rate, peaks and unevenness replace those that are not given. Raise BadInput."""
    if not source.answers:
        with problems_in(source.name):
            if document_kind(source.given) == "scenario":
                raise BadInput(f"{source.name}: is a Scenario; this command takes Answers")
            source.answers.append(answers_from(_with_trace(source)))
    return source.answers[0]


def _with_trace(source: Source) -> Mapping[str, Any]:
    volume = source.given.get("volume")
    path = volume.get("trace") if isinstance(volume, Mapping) else None
    if not isinstance(volume, Mapping) or not isinstance(path, str) or not path:
        return source.given
    recording = _read_trace(source, path, "volume.trace")
    proposed = propose_from_recording(
        recording.trace, recording.understanding.failures, answers_from(source.given), path, Path(path).name
    )
    taken = proposed.not_given_in(source.given)
    for answer in taken:
        source.report(f"{Path(path).name}: {LABELS[answer]}: {value_words(answer, proposed.values[answer])}")
    return proposed.over(source.given, taken)


def _with_recorded(source: Source) -> Mapping[str, Any]:
    """A Scenario with the durations, tokens and failures of the recording that it replays, if it states none of its own."""
    given = source.given
    arrivals, provider = given.get("arrivals"), given.get("provider", {})
    path = arrivals.get("path") if isinstance(arrivals, Mapping) else None
    if not isinstance(path, str) or not path or not isinstance(provider, Mapping):
        return given
    recording = _read_trace(source, path, "arrivals.path")
    values = answers_of_requests(recording.trace, recording.understanding.failures)
    filled = dict(given)
    if "service" not in given and recording.trace.service_s is not None:
        filled["service"] = {"distribution": "empirical"}
        source.report(f"{Path(path).name}: the durations are those of the requests in the recording")
    if "failures" not in given and recording.understanding.failures is not None:
        filled["failures"] = {
            answer: values[f"failures.{answer}"] for answer in Failures.model_fields if f"failures.{answer}" in values
        }
        source.report(
            f"{Path(path).name}: failures: {', '.join(f'{answer} {value:g}' for answer, value in filled['failures'].items())}"
        )
    tokens = {
        name: float(values[f"processing.{name}"])
        for name in ("input_tokens", "output_tokens")
        if f"processing.{name}" in values
    }
    if tokens:
        filled["provider"] = {**tokens, **provider}
    return filled


def workload_in(source: Source) -> Workload:
    """Build the workload of a FILE. Raise BadInput for what is wrong in it, or in the trace it names."""
    with problems_in(source.name):
        if document_kind(source.given) == "scenario":
            scenario = scenario_from(_with_recorded(source))
            return Workload(scenario, _trace_of(source, scenario), durations_s=_durations_of(source, scenario))
    answers = answers_in(source)
    if source.simulated is not None:
        with problems_in(source.name):
            scenario = scenario_from(source.simulated)
        return Workload(scenario, _trace_of(source, scenario), answers.name, template=answers.template)
    workload = workload_of(source, answers)
    return replace(workload, scenario=advised_scenario(Evaluation.from_answers(answers), workload.trace))


def workload_of(source: Source, answers: Answers) -> Workload:
    """Build the workload that Answers lead to. Raise BadInput for what is wrong in the trace they name."""
    evaluation = Evaluation.from_answers(answers)
    scenario = scenario_of(evaluation)
    return Workload(scenario, _trace_of(source, scenario), answers.name, template=answers.template)


def _trace_of(source: Source, scenario: Scenario) -> Trace | None:
    arrivals = scenario.arrivals
    if not isinstance(arrivals, TraceArrivals):
        return None
    if arrivals.path is None:
        raise BadInput(f"{source.name}: arrivals.trace: is an upload's id, which pages know; here give a file's path")
    return _read_trace(source, arrivals.path, "arrivals.path").trace


def _durations_of(source: Source, scenario: Scenario) -> NDArray[np.float64] | None:
    service = scenario.service
    if not isinstance(service, EmpiricalService) or service.path is None:
        return None
    from simulator.recordings.reader import read_durations  # it loads polars, which takes a while

    return _parsed(source.folder / service.path, f"{source.name}: service.path", read_durations)


def _read_trace(source: Source, path: str, named_by: str) -> ReadRecording:
    from simulator.recordings.reader import read_recording  # it loads polars, which takes a while

    place = source.folder / path
    if place not in source.recordings:
        recording = _parsed(
            place,
            f"{source.name}: {named_by}",
            lambda stream: read_recording(stream, place.name, TRACE_ROWS, source.corrections),
        )
        for title, words in understood(recording.understanding, recording.trace):
            source.report(f"{place.name}: {title}: {words}")
        for note in recording.understanding.notes:
            source.report(f"{place.name}: {note}")
        source.recordings[place] = recording
    return source.recordings[place]


def _parsed(place: Path, named_by: str, parse: Callable[[BinaryIO], Read]) -> Read:
    try:
        with place.open("rb") as stream, problems_in(str(place)):
            try:
                return parse(stream)
            except RecordingQuestion as error:
                options = [f"  {option_of(choice)}: {choice.text}" for choice in error.choices]
                raise BadInput(f"{place}: {error.question} Give one of:", *options) from error
    except FileNotFoundError as error:
        raise BadInput(f"{named_by}: there is no file {place}") from error
    except (OSError, ValueError) as error:
        raise BadInput(f"{named_by}: {place} cannot be read: {_reason(error)}") from error
