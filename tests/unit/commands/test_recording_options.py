"""How a recording is read on the command line: what was understood is printed, and options correct it."""

from collections.abc import Callable

import pytest
from django.core.management.base import CommandError

from tests.unit.commands.conftest import Recorder, Run

Write = Callable[[str, str], str]

TRACED = "arrivals: {process: trace, path: arrivals.csv}\nservice: {distribution: exponential, mean_s: 2}\n"
COUNTS = "time,requests\n" + "".join(f"2025-05-12T10:{minute:02}:00Z,{30 + minute % 7}\n" for minute in range(60))
EITHER = "when,time\n" + "".join(f"a,{day}/5/2025 10:00:00\n" for day in range(1, 12))


def test_what_was_understood_is_printed_on_standard_error(
    run: Run, engine: Recorder, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("arrivals.csv", COUNTS)
    run("simulate", write("scenario.yaml", TRACED))
    printed = capsys.readouterr().err
    assert "arrivals.csv: Rows: a number of requests per interval, column requests, every 60 s" in printed
    assert "bursts shorter than 60 s cannot be seen" in printed
    assert engine.trace is not None and engine.trace.interval_s == 60


@pytest.mark.parametrize(
    ("options", "requests", "span_s"),
    [
        (["--rows", "requests"], 60, 3540),
        (["--counts", "--interval-s", "30"], 1974, 3570),
        (["--counts", "--count-column", "requests"], 1974, 3600),
    ],
)
def test_an_option_corrects_it(
    options: list[str], requests: int, span_s: float, run: Run, engine: Recorder, write: Write
) -> None:
    write("arrivals.csv", COUNTS)
    run("simulate", write("scenario.yaml", TRACED), *options)
    assert engine.trace is not None
    assert engine.trace.requests == requests
    assert engine.trace.span_s == pytest.approx(span_s, rel=0.01)


def test_a_question_lists_the_options_that_answer_it(run: Run, engine: Recorder, write: Write) -> None:
    write("arrivals.csv", EITHER)
    scenario = write("scenario.yaml", TRACED)
    with pytest.raises(
        CommandError, match=r"can be read in two ways. Give one of:\n  --day-first: .*\n  --month-first: "
    ) as asked:
        run("simulate", scenario)
    assert asked.value.returncode == 2
    run("simulate", scenario, "--month-first")
    assert engine.trace is not None and engine.trace.last == "2025-11-05T10:00:00Z"
    run("simulate", scenario, "--day-first", "--time-zone", "Europe/Berlin")
    assert engine.trace.last == "2025-05-11T08:00:00Z"


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--column", "at"], "there is no column 'at' for the time"), (["--time-zone", "Mars"], "no time zone 'Mars'")],
)
def test_an_option_that_does_not_fit_the_file_is_refused(
    options: list[str], says: str, run: Run, engine: Recorder, write: Write
) -> None:
    write("arrivals.csv", EITHER)
    with pytest.raises(CommandError, match=says) as refused:
        run("simulate", write("scenario.yaml", TRACED), *options)
    assert refused.value.returncode == 2


TIMED = "time_s,duration_s,output_tokens,status\n" + "".join(
    f"{i},{1 + i % 3},50,{200 if i % 4 else 404}\n" for i in range(400)
)


def test_a_scenario_without_service_and_failures_has_those_of_its_recording(
    run: Run, engine: Recorder, write: Write
) -> None:
    write("arrivals.csv", TIMED)
    run(
        "simulate",
        write("scenario.yaml", "arrivals: {process: trace, path: arrivals.csv}\nprovider: {max_concurrency: 9}\n"),
    )
    assert engine.scenario is not None
    assert engine.scenario.service.distribution == "empirical"
    assert engine.scenario.failures.poison_percent == 25
    assert (engine.scenario.provider.output_tokens, engine.scenario.provider.max_concurrency) == (50, 9)


def test_answers_of_the_recording_are_printed_and_given_ones_count_instead(
    run: Run, engine: Recorder, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("arrivals.csv", TIMED)
    run("simulate", write("answers.yaml", "volume: {trace: arrivals.csv}\nprocessing: {output_tokens: 7}\n"))
    assert "arrivals.csv: How long does processing take, typically?: 2 s" in capsys.readouterr().err
    assert engine.scenario is not None and engine.scenario.service.distribution == "empirical"
    assert engine.scenario.arrivals.ignored_columns == ("input_tokens", "output_tokens")
    assert engine.scenario.provider.output_tokens == 7
