"""What a report says of a live run: predicted against measured, and the dead letters that were left."""

import pytest

from advisor.reports.document.blocks import Paragraph, TableBlock
from advisor.reports.document.live import (
    KILLED,
    agreement_sentence,
    compared_rows,
    how_sentence,
    lateness_sentence,
    live_blocks,
    machine_sentences,
)
from advisor.reports.document.method import simulate_command
from advisor.reports.document.simulation import simulation
from simulator.result import DeadLetter, Lateness, LiveFigure, LiveReport, LoadAverage, ProcessEnd, Result
from tests.unit.reports import results


def report(figures: tuple[LiveFigure, ...] = (), letters: int = 0) -> LiveReport:
    dead = tuple(
        DeadLetter(job=job, queue="standard", attempts=3, reason="the model answered 500", at_s=100.0 + job)
        for job in range(letters)
    )
    live = results.live_result(figures=figures, dead_letters=dead).live
    assert live is not None
    return live


def off_by(percent: float | None, predicted: float = 10.0, measured: float = 12.0) -> LiveFigure:
    return LiveFigure(
        design="event_driven",
        figure="provider_calls",
        unit="calls",
        predicted=predicted,
        measured=measured,
        error_percent=percent,
        within=True,
    )


def grids(live: LiveReport) -> list[TableBlock]:
    return [block for block in live_blocks(live) if isinstance(block, TableBlock)]


def test_a_figure_is_named_as_in_the_table_of_results() -> None:
    names = {row[0] for row in results_rows()}
    assert {row.name for row in compared_rows(report((off_by(20.0),)))} <= names


def results_rows() -> tuple[tuple[str, ...], ...]:
    section = simulation(results.live_result(), results.scenario())
    return next(block.table.rows for block in section.blocks if isinstance(block, TableBlock))


def test_what_rounds_to_no_error_is_none_and_not_higher_by_nothing() -> None:
    errors = [grids(report((off_by(percent),)))[0].table.rows[0][-1] for percent in (0.0, -0.04, 20.0, -3.21)]
    assert errors == ["none", "none", "20.0 % higher", "3.2 % lower"]


def test_dead_letters_are_listed_up_to_a_number_and_how_many_there_are_is_said() -> None:
    (_, few) = grids(report(letters=2))
    assert few.table.rows[1] == ("standard", "the model answered 500", "1", "3", "1 min 41 s")
    (_, many) = grids(report(letters=30))
    assert len(many.table.rows) == 20
    assert many.caption.startswith("The first 20 of 30 dead letters")
    assert len(grids(report())) == 1


def test_a_live_run_is_called_so_throughout() -> None:
    section = simulation(results.live_result(), results.scenario())
    assert section.title == "Live run"
    text = " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))
    assert "live, one design after the other" in text and "simulation" not in text
    assert "--engine live --speed 10 --seconds 20 --workers threads --seed 7" in simulate_command(
        results.scenario(), results.live_result()
    )


@pytest.mark.parametrize(("p99_s", "is_told"), [(0.012, False), (0.15, True)])
def test_a_load_that_comes_late_is_told_to_be_the_machines(p99_s: float, is_told: bool) -> None:
    late = {"synchronous": Lateness(mean_s=0.001, p99_s=p99_s, max_s=1.0)}
    live = results.live_result(lateness=late).live
    assert live is not None
    assert ("busy with something else" in lateness_sentence(live)) is is_told


def test_a_result_that_was_stored_before_these_fields_existed_can_be_read() -> None:
    stored = results.live_result(figures=(off_by(20.0),)).model_dump(by_alias=True, mode="json")
    live = stored["live"]
    for name in ("workers", "seconds", "process_ends", "load_average", "other_runs"):
        del live[name]
    del live["figures"][0]["below_resolution"]
    read = Result.parse(stored).live
    assert read is not None
    assert (read.workers, read.seconds, read.process_ends, read.other_runs) == ("threads", 20.0, (), 0)
    assert read.load_average is None
    assert not read.figures[0].below_resolution


def with_answers(agree: int, differ: int, small: int, speed: float = 10.0) -> str:
    within, off = off_by(1.0), off_by(60.0).model_copy(update={"within": False})
    below = off.model_copy(update={"below_resolution": True})
    return agreement_sentence(a_live(figures=(within,) * agree + (off,) * differ + (below,) * small, speed=speed))


def a_live(**changes: object) -> LiveReport:
    live = results.live_result(**changes).live
    assert live is not None
    return live


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ((22, 0, 4), "22 of 26 figures agree with the kernel's prediction, 0 differ, 4 are too small to tell at this speed."),
        ((1, 1, 1), "1 of 3 figures agrees with the kernel's prediction, 1 differs, 1 is too small to tell at this speed."),
        ((24, 2, 0), "24 of 26 figures agree with the kernel's prediction, 2 differ."),
        ((0, 0, 2), "0 of 2 figures agree with the kernel's prediction, 0 differ, 2 are too small to tell at this speed."),
        ((26, 0, 0), "All 26 figures agree with the kernel's prediction."),
        ((0, 0, 0), "The run left nothing to compare with the prediction."),
    ],
)  # fmt: skip
def test_what_is_too_small_to_tell_is_not_counted_as_agreement(answers: tuple[int, int, int], expected: str) -> None:
    assert with_answers(*answers) == expected


def test_at_real_time_it_is_not_the_speed_that_hides_a_figure() -> None:
    assert with_answers(2, 0, 2, speed=1).endswith("2 are too small to tell in this run.")


def test_a_figure_below_resolution_says_so_and_no_error() -> None:
    below = off_by(60.0).model_copy(update={"within": False, "below_resolution": True})
    (row,) = grids(report((below,)))[0].table.rows
    assert row[-1] == "too small to tell"
    (row,) = grids(report((off_by(60.0).model_copy(update={"within": False}),)))[0].table.rows
    assert row[-1] == "60.0 % higher (differs)"


def test_a_figure_of_one_class_names_its_queue() -> None:
    waits = off_by(1.0).model_copy(update={"figure": "wait_s.mean", "queue": "urgent"})
    assert compared_rows(report((waits,)))[0].name == "Wait, mean (urgent)"


def test_a_herd_that_could_not_be_compared_names_the_speed_at_which_it_can() -> None:
    herd = off_by(-58.0, 78, 33).model_copy(
        update={"figure": "call_rate.max", "within": False, "below_resolution": True, "resolvable_speed": 3.846}
    )
    text = agreement_sentence(a_live(figures=(herd, off_by(0.0)), speed=18))
    assert text.endswith(
        "A second of the workload lasted 55.6 ms here, too short to compare the calls of the busiest second: "
        "that takes a speed of at most 3.8 (event-driven)."
    )


def test_how_it_was_run_names_the_workers_the_speed_and_how_long_jobs_arrived() -> None:
    text = how_sentence(a_live(workers="forking", seconds=90.0, speed=4))
    assert "4 times as fast, 100 jobs that arrived over 90 s" in text
    assert "rq workers that fork for each job" in text
    assert "in real time" in how_sentence(a_live(workers="stock", speed=1))


def ended(jobs_in_hand: int = 10, **changes: object) -> ProcessEnd:
    given = {
        "design": "event_driven",
        "process": "consumers-0",
        "how": "killed by signal 9 (SIGKILL)",
        "at_s": 12.0,
        "restarted": True,
        "jobs_in_hand": jobs_in_hand,
    }
    return ProcessEnd.model_validate(given | changes)


def test_a_process_that_ended_is_named_with_what_ended_it_and_what_that_costs() -> None:
    sentences = machine_sentences(a_live(process_ends=(ended(),)))
    assert sentences == (
        "consumers-0 of the event-driven design was killed by signal 9 (SIGKILL) after 12 s and was started again; 10 jobs were in hand.",
        KILLED,
    )
    assert "805 s" in KILLED and "2.1 s" in KILLED and "worker TTL" in KILLED


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (ended(1), "; 1 job was in hand."),
        (ended(0), "; no job was in hand."),
        (ended(0, how="exit code 1", restarted=False), "ended with exit code 1 after 12 s and was not started again"),
        (ended(3, design="synchronous", process="service"), "service of the synchronous design was killed"),
    ],
)
def test_an_end_is_told_with_its_number(end: ProcessEnd, expected: str) -> None:
    (sentence, *more) = machine_sentences(a_live(process_ends=(end,)))
    assert expected in sentence
    assert bool(more) is (end.design == "event_driven" and end.jobs_in_hand > 0)


def test_several_ends_say_once_what_a_killed_worker_costs() -> None:
    assert machine_sentences(a_live(process_ends=(ended(), ended(2)))).count(KILLED) == 1


@pytest.mark.parametrize(("before", "busy"), [(0.4, False), (1.6, True)])
def test_a_machine_that_was_busy_before_the_run_is_told_so(before: float, busy: bool) -> None:
    (sentence,) = machine_sentences(a_live(load_average=LoadAverage(before=before, after=1.9, cores=2)))
    assert sentence.startswith(f"Load average: {before} at the start, 1.9 at the end, on 2 cores.")
    assert ("busy with other things" in sentence) is busy


def test_other_live_runs_are_told_of() -> None:
    assert machine_sentences(a_live(other_runs=0)) == ()
    assert machine_sentences(a_live(other_runs=1))[0].startswith("Another live run was under way")
    assert machine_sentences(a_live(other_runs=2))[0].startswith("2 other live runs were under way")


def test_calls_that_were_not_finished_are_told() -> None:
    (sentence,) = machine_sentences(a_live(unfinished_calls=1))
    assert "1 call that its clients had abandoned unfinished" in sentence
    assert machine_sentences(a_live(unfinished_calls=0)) == ()


def test_the_command_that_repeats_a_run_has_its_settings_to_the_digit() -> None:
    exact = results.live_result(speed=3.14159265, seconds=45.5, workers="simple")
    assert "--speed 3.14159265 --seconds 45.5 --workers simple" in simulate_command(results.scenario(), exact)
