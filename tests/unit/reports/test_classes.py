"""Classes of a run in words and tables, in the report and next to each other."""

import pytest

from advisor.reports.comparison.runs import ComparedRun, figures_of
from advisor.reports.document.classes import (
    class_blocks,
    class_figures,
    class_verdict_sentences,
    starved_sentences,
    worst_wait_sentences,
)
from advisor.reports.document.simulation import simulation
from simulator.result import ClassResult, Quantiles, StarvedClass
from simulator.scenario import Scenario
from tests.unit.reports import results

SCENARIO = results.starving_scenario()


def test_the_sentence_on_waits_names_the_longest_first() -> None:
    sentences = worst_wait_sentences(results.starving())
    assert sentences[1] == "Event-driven: batch waits at worst 41 min, urgent 300 ms."


def test_a_starved_class_has_a_sentence_with_its_share_its_wait_and_the_others() -> None:
    (sentence,) = starved_sentences(results.starving())
    assert sentence == (
        "Batch is starved in the event-driven design: 62 % of its jobs meet the deadline of 10 min, although every other class "
        "meets its own. It waits at worst 41 min, another class 300 ms."
    )


def test_a_class_that_grows_has_no_worst_wait() -> None:
    growing = results.starving().starved[0].model_copy(update={"worst_wait_s": None, "others_worst_wait_s": 5.0})
    (sentence,) = starved_sentences(results.starving(starved=(growing,)))
    assert sentence.endswith("although every other class meets its own. Its waits grow as long as jobs arrive.")


def test_a_class_that_waits_like_the_others_only_misses() -> None:
    missed = StarvedClass(
        design="synchronous",
        queue="urgent",
        good_share=0.8,
        deadline_s=10,
        worst_wait_s=95,
        others_worst_wait_s=95,
        others_meet=True,
    )
    (sentence,) = starved_sentences(results.starving(starved=(missed,)))
    assert sentence.startswith(
        "Urgent misses its deadline in the synchronous design, although every other class meets its own"
    )
    assert "starved" not in sentence


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("event_driven", "only the event-driven design meets it"),
        (["synchronous", "event_driven"], "the synchronous and event-driven designs both meet it"),
        ("neither", "neither design meets it"),
        ("unresolved", "not resolved, the interval of a design straddles what is wanted"),
    ],
)
def test_each_class_has_a_sentence_on_its_own_deadline(verdict: str | list[str], words: str) -> None:
    sentences = class_verdict_sentences(results.starving(class_verdicts={"urgent": verdict}), SCENARIO)
    assert sentences == (f"Class urgent, deadline 10 s: {words}.",)


def test_a_table_a_class_has_both_designs_side_by_side() -> None:
    result = results.starving()
    designs = {"Synchronous": result.synchronous, "Event-driven": result.event_driven}
    urgent, batch = class_figures(designs, SCENARIO)
    assert (urgent.caption, batch.caption) == ("Class urgent, deadline 10 s", "Class batch, deadline 10 min")
    assert batch.table.headers == ("Figure", "Synchronous", "Event-driven")
    rows = {name: cells for name, *cells in batch.table.rows}
    assert rows["Jobs offered"] == ["48,000", "48,000"]
    assert rows["Good share"][1] == "62.00 ± 0.10 %"
    assert rows["Wait, largest"] == ["95 s", "41 min"]
    assert rows["of these late"] == ["0 (0 %)", "18,240 (38 %)"]
    assert "of these rejected" not in rows


def test_one_class_has_no_table_of_its_own() -> None:
    assert class_blocks(results.result(), results.scenario()) == ()


def test_a_class_of_a_design_that_cannot_keep_up_has_no_percentiles() -> None:
    design = results.starving().event_driven
    growing = design.model_copy(update={"stable": False})
    _, batch = class_figures({"Synchronous": design, "Event-driven": growing}, SCENARIO)
    rows = {row[0]: row[1:] for row in batch.table.rows}
    assert rows["Latency, p95"][1] == "no steady state" != rows["Latency, p95"][0]


def test_a_class_that_grows_in_every_design_has_one_row_for_its_waits() -> None:
    design = results.starving().event_driven
    grown = {
        name: one.model_copy(update={"wait_s": Quantiles(), "latency_s": Quantiles()})
        for name, one in design.classes.items()
    }
    growing = design.model_copy(update={"stable": False, "classes": grown})
    _, batch = class_figures({"Event-driven": growing}, SCENARIO)
    rows = dict(batch.table.rows)
    assert (rows["Wait"], rows["Latency"]) == ("no steady state", "no steady state")
    assert "Wait, p95" not in rows


def test_a_result_of_before_shows_the_figures_that_it_has() -> None:
    """No dash for what was not recorded then."""
    old = {"urgent": ClassResult(offered=10, completed=10, good=9, late=1, wait_mean_s=2.0)}
    old["batch"] = ClassResult(offered=10, completed=10, good=10, late=0)
    design = results.design_result().model_copy(update={"classes": old})
    urgent, _ = class_figures({"Event-driven": design}, SCENARIO)
    assert dict(urgent.table.rows) == {
        "Jobs offered": "10", "Good share": "90 %", "of these late": "1 (10 %)", "Wait, mean": "2 s"
    }  # fmt: skip


def test_the_report_warns_of_the_starved_class_before_its_tables() -> None:
    blocks = simulation(results.starving(), SCENARIO).blocks
    texts = [getattr(block, "text", getattr(block, "caption", "")) for block in blocks]
    warning = next(place for place, text in enumerate(texts) if "is starved" in text)
    assert warning < texts.index("Class batch, deadline 10 min")


def test_runs_next_to_each_other_show_the_same_class_in_one_row() -> None:
    scenario = Scenario.parse(SCENARIO.model_dump(by_alias=True))
    runs = [
        ComparedRun(0, "Strict", scenario, results.starving()),
        ComparedRun(1, "Again", scenario, results.starving()),
    ]
    rows = {row[0]: row[1:] for row in figures_of(runs, "event_driven").rows}
    assert rows["batch: wait, largest"] == ("41 min", "41 min")
    assert rows["Jobs offered"] == ("60,000", "60,000")


def test_losses_of_one_run_stand_with_the_losses_of_the_others() -> None:
    with_losses = results.starving(event_driven=results.design_result(rejected=7, in_system=3))
    scenario = results.starving_scenario()
    runs = [ComparedRun(0, "Strict", scenario, results.starving()), ComparedRun(1, "Full", scenario, with_losses)]
    table = figures_of(runs, "event_driven").rows
    names = [row[0] for row in table]
    assert names.index("of these rejected") < names.index("Good share")
    rows = {row[0]: row[1:] for row in table}
    assert rows["of these rejected"] == ("0 (0 %)", "7 (0.0117 %)")
    assert rows["batch: of these late"] == ("18,240 (38 %)", "–")
