"""A run's page, in every state."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advisor.decisions import stored
from advisor.decisions.models import Decision, Run, State
from advisor.reports.document.simulation import results_table
from advisor.web.views.runs import HEADLINE
from simulator.experiment import simulate
from simulator.result import ChangedSetting, DesignRemedies, Remedy
from simulator.scenario import Scenario
from tests.fakes.engines import a_result
from tests.unit.reports import results
from tests.web.conftest import MakeRun


def page_of(client: Client, run: Run, name: str = "run") -> str:
    answer = client.get(reverse(name, args=[run.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_queued_run_shows_its_position_and_asks_again(client: Client, make_run: MakeRun) -> None:
    make_run()
    page = page_of(client, make_run())
    assert "2 in the queue, counting this one." in page
    assert "hx-trigger" in page
    assert "Cancel" in page


def test_the_place_of_a_bulk_run_is_said_to_be_its_last(client: Client, make_run: MakeRun) -> None:
    make_run()
    page = client.get(reverse("run", args=[make_run(is_bulk=True).pk])).content.decode()
    assert "At most 2 in the queue, counting this one: many runs" in page


def test_a_run_that_no_worker_takes_says_that_it_is_saved(client: Client, make_run: MakeRun) -> None:
    run = make_run()
    Run.objects.update(created_at=timezone.now() - timedelta(seconds=30))
    assert "Saved, will start: no worker has taken it yet." in page_of(client, run)


def test_a_running_one_says_what_it_does_and_how_long_it_needs(client: Client, make_run: MakeRun) -> None:
    run = make_run(
        State.RUNNING, progress_step="Simulating the synchronous design", progress_fraction=0.25, elapsed_s=10
    )
    page = page_of(client, run, "run-progress")
    assert "Simulating the synchronous design" in page
    assert "25 %, about 30 s to go" in page
    assert 'value="25"' in page


@pytest.mark.parametrize(
    ("elapsed_s", "pause"), [(0.3, "every 200ms"), (10, "every 700ms")], ids=["most end at once", "a long one"]
)
def test_a_young_run_is_asked_after_more_often(client: Client, make_run: MakeRun, elapsed_s: float, pause: str) -> None:
    assert pause in page_of(client, make_run(State.RUNNING, progress_fraction=0.1, elapsed_s=elapsed_s), "run-progress")


def test_progress_never_says_all_before_the_end(client: Client, make_run: MakeRun) -> None:
    page = page_of(client, make_run(State.RUNNING, progress_fraction=0.9999, elapsed_s=10), "run-progress")
    assert "99 %" in page
    assert "100 %" not in page


def test_a_run_whose_worker_died_says_so(client: Client, make_run: MakeRun) -> None:
    assert "Worker died or hung, retrying" in page_of(
        client, make_run(attempt=1, progress_step="Worker died or hung, retrying")
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.FAILED, "Simulation failed"),
        (State.CANCELLED, "Simulation cancelled"),
        (State.TIMED_OUT, "Simulation timed out"),
        (State.SUCCEEDED, "There is no deadline, so the simulation names no winner"),
    ],
)
def test_an_ended_run_says_how_and_asks_no_more(
    state: State, sentence: str, client: Client, make_run: MakeRun, htmx: Client
) -> None:
    run = make_run(state)
    answer = htmx.get(reverse("run-progress", args=[run.pk]))
    page = answer.content.decode()
    assert sentence in page
    assert "hx-trigger" not in page
    assert answer["HX-Retarget"] == "#run"


def test_a_failure_is_shown_as_text(client: Client, make_run: MakeRun) -> None:
    page = page_of(client, make_run(State.FAILED))
    assert "The simulation stopped: &lt;b&gt;oh&lt;/b&gt;" in page
    assert "are kept" in page


def test_cancel_ends_it_and_a_second_cancel_changes_nothing(client: Client, make_run: MakeRun) -> None:
    run = make_run(State.RUNNING)
    for _ in range(2):
        assert client.post(reverse("cancel-run", args=[run.pk]))["Location"] == reverse("run", args=[run.pk])
    run.refresh_from_db()
    assert run.state == State.CANCELLED


def test_cancel_by_htmx_shows_what_became_of_it(htmx: Client, make_run: MakeRun) -> None:
    answer = htmx.post(reverse("cancel-run", args=[make_run().pk]), follow=True)
    assert "Simulation cancelled" in answer.content.decode()


def test_other_numbers_of_workers_are_simulated_once_and_are_not_the_decisions_verdict(
    client: Client, run: Run
) -> None:
    address = reverse("run-with-servers", args=[run.pk])
    assert address in page_of(client, run)
    for _ in range(2):
        answer = client.post(address, {"servers": "30", "idempotency_key": "thirty"})
    other = Run.objects.exclude(pk=run.pk).get()
    assert answer["Location"] == reverse("run", args=[other.pk])
    assert other.scenario.synchronous.workers == other.scenario.event_driven.consumers == 30
    assert client.get(reverse("decision", args=[run.revision.decision_id])).context["last_run"] == run
    rows = client.get(reverse("home")).context["rows"]
    assert [row.run for row in rows if row.run] == [run]


@pytest.mark.parametrize(
    ("servers", "words"),
    [
        ("", "Workers and consumers must be a number"),
        ("2.5", "Workers and consumers must be a whole number"),
        ("0", "Workers and consumers should be between 1 and 10,000"),
        ("99999", "Workers and consumers should be between 1 and 10,000"),
    ],
)
def test_a_number_of_workers_that_cannot_be_is_refused_with_what_is_accepted(
    client: Client, run: Run, servers: str, words: str
) -> None:
    answer = client.post(reverse("run-with-servers", args=[run.pk]), {"servers": servers, "idempotency_key": "k"})
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert Run.objects.count() == 1


def test_the_title_of_the_tab_follows_the_run(htmx: Client, make_run: MakeRun) -> None:
    under_way = make_run(State.RUNNING)
    Run.objects.filter(pk=under_way.pk).update(progress_fraction=0.38)
    answer = htmx.get(reverse("run-progress", args=[under_way.pk])).content.decode()
    assert "<title>38 % · " in answer
    ended = htmx.get(reverse("run-progress", args=[make_run(State.CANCELLED).pk])).content.decode()
    assert "<title>Cancelled · " in ended


def test_figures_are_in_groups_each_once(client: Client, run: Run) -> None:
    context = client.get(reverse("run", args=[run.pk])).context
    groups = {group.name: [row.name for row in group.rows] for group in context["figures"]}
    assert list(groups) == ["In time", "Latency", "Wait", "Queue and workers", "Attempts and calls"]
    assert groups["Latency"] == ["Mean", "p50", "p90", "p95", "p99", "Largest"]
    of_table = [name for name, *_ in results_table(context["result"]).rows]
    assert sum(map(len, groups.values())) + len(context["outcomes"][0].rows) == len(of_table)


def test_a_result_shows_figures_outcomes_and_where_the_designs_differ(client: Client, run: Run) -> None:
    page = page_of(client, run)
    for heading in ("Figures", "What became of the requests", "Where the designs are not equal"):
        assert heading in page
    assert "plotly-cartesian.min.js" in page


def test_charts_come_as_json_in_both_themes(client: Client, run: Run) -> None:
    light, dark = (client.get(reverse("run-charts", args=[run.pk]), {"theme": theme}) for theme in ("light", "dark"))
    figures: dict[str, Any] = light.json()
    assert figures
    assert all({"data", "layout"} <= set(figure) for figure in figures.values())
    assert light.content != dark.content


def test_a_charts_numbers_come_as_csv(client: Client, run: Run) -> None:
    answer = client.get(reverse("run-charts", args=[run.pk]), {"csv": "latency"})
    assert answer["Content-Disposition"] == 'attachment; filename="latency.csv"'
    assert answer.content.decode().startswith("Latency")
    assert client.get(reverse("run-charts", args=[run.pk]), {"csv": "none"}).status_code == 404


def test_a_run_without_a_result_has_no_charts(client: Client, make_run: MakeRun) -> None:
    assert client.get(reverse("run-charts", args=[make_run().pk])).status_code == 404


def test_the_decision_links_to_its_last_run(client: Client, run: Run, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert reverse("run", args=[run.pk]) in page


@pytest.mark.parametrize("verdict", ["neither", "unresolved", "event_driven", ["synchronous", "event_driven"]])
def test_every_verdict_has_its_sentence(verdict: str | list[str], client: Client, make_run: MakeRun) -> None:
    result = a_result().model_copy(update={"verdict": verdict})
    page = page_of(client, make_run(State.SUCCEEDED, result_json=stored.dump(result)))
    colour = verdict if verdict == "event_driven" else "neither"
    assert f"verdict-{colour}" in page


def test_a_run_that_ends_while_it_is_watched_can_be_exported(htmx: Client, run: Run) -> None:
    ended = htmx.get(reverse("run-progress", args=[run.pk])).content.decode()
    actions = ended.split('id="run-actions"')[1]
    assert 'hx-swap-oob="true"' in actions[:80] and f"bundle.zip?revision=1&amp;run={run.pk}" in actions


def test_a_run_that_no_design_meets_says_what_would(client: Client, make_run: MakeRun) -> None:
    change = ChangedSetting(path="synchronous.workers", now=5, needed=54)
    remedies = DesignRemedies(
        limits=(change.path,), can_meet=True, remedies=(Remedy(changes=(change,), good_share=(0.99, 1)),)
    )
    result = results.starving(verdict="neither", remedies={"synchronous": remedies})
    run = make_run(
        State.SUCCEEDED, result_json=stored.dump(result), scenario_json=stored.dump(results.starving_scenario())
    )
    page = page_of(client, run).replace("\u00a0", " ")
    assert "The synchronous design would meet it with 54 workers instead of 5 (99.5 % in time)." in page


def test_a_run_of_several_classes_shows_each_and_warns_of_the_starved_one(client: Client, make_run: MakeRun) -> None:
    result, scenario = results.starving(), results.starving_scenario()
    run = make_run(State.SUCCEEDED, result_json=stored.dump(result), scenario_json=stored.dump(scenario))
    page = page_of(client, run).replace("\u00a0", " ")
    assert "Batch is starved in the event-driven design: 62 % of its jobs" in page
    assert "Class batch, deadline 10 min: only the synchronous design meets it." in page
    assert "Event-driven: batch waits at worst 41 min, urgent 300 ms." in page
    assert page.count('aria-label="Class ') == 2


def test_the_figures_that_are_read_first_are_those_of_the_table(client: Client, make_run: MakeRun) -> None:
    scenario = Scenario.parse(
        {
            "jobs": 500,
            "arrivals": {"process": "poisson", "rate_per_s": 1.0},
            "service": {"distribution": "exponential", "mean_s": 2.0},
            "deadline_s": 200.0,
        }
    )
    result = simulate(scenario, replications=3)
    run = make_run(State.SUCCEEDED, scenario_json=stored.dump(scenario), result_json=stored.dump(result))
    shown = client.get(reverse("run", args=[run.pk])).context
    table = {name: cells for name, *cells in results_table(result).rows}
    for place, (_, figures) in enumerate(shown["headline"]):
        assert figures == [("Deadline", "met"), *((title, table[name][place]) for title, name in HEADLINE.items())]
    page = page_of(client, run)
    assert table["Good share"][0] in page.replace("\xa0", " ") and "The synchronous design meets it" not in page
