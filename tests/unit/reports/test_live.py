"""What a report says of a live run: predicted against measured, and the dead letters that were left."""

import pytest

from advisor.reports.document.blocks import Grid, Paragraph
from advisor.reports.document.live import compared_rows, lateness_sentence, live_blocks
from advisor.reports.document.method import simulate_command
from advisor.reports.document.simulation import simulation
from simulator.result import DeadLetter, Lateness, LiveFigure, LiveReport, Result
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


def grids(live: LiveReport) -> list[Grid]:
    return [block for block in live_blocks(live) if isinstance(block, Grid)]


def test_a_figure_is_named_as_in_the_table_of_results() -> None:
    names = {row[0] for row in results_rows()}
    assert {row.name for row in compared_rows(report((off_by(20.0),)))} <= names


def results_rows() -> tuple[tuple[str, ...], ...]:
    section = simulation(results.live_result(), results.scenario())
    return next(block.table.rows for block in section.blocks if isinstance(block, Grid))


def test_what_rounds_to_no_error_is_none_and_not_higher_by_nothing() -> None:
    said = [grids(report((off_by(percent),)))[0].table.rows[0][-1] for percent in (0.0, -0.04, 20.0, -3.21)]
    assert said == ["none", "none", "20.0 % higher", "3.2 % lower"]


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
    said = " ".join(block.text for block in section.blocks if isinstance(block, Paragraph))
    assert "live, one design after the other" in said and "simulation" not in said
    assert "--engine live --speed 10 --seed 7" in simulate_command(results.scenario(), results.live_result())


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
