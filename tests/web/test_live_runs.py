"""Live runs on the pages: chosen next to Simulate, one at a time, charts while they run, figures after."""

import html
import re
from datetime import UTC, datetime
from typing import NoReturn

import pytest
from django.test import Client
from django.urls import reverse

from advisor.decisions import stored
from advisor.decisions.engines import Engine
from advisor.decisions.jobs import dead_letters
from advisor.decisions.jobs.tasks import run_simulation
from advisor.decisions.models import Decision, EngineName, Run, State
from advisor.decisions.services.leases import RunLease, claim_run
from advisor.decisions.services.runs import RunRequest, request_run
from advisor.teams.models import User
from core.errors import InvalidInput
from simulator.experiment import Estimate
from simulator.live.errors import RunBroken
from simulator.result import Costs, DeadLetter, DesignResult, Lateness, LiveFigure, LiveReport, Series, SoFar
from simulator.scenario import Scenario
from tests.fakes.engines import a_result

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def live_run(decision: Decision, user: User, key: str = "one") -> Run:
    return request_run(decision.latest(), user, key, RunRequest(engine=EngineName.LIVE))


def a_design() -> DesignResult:
    series = Series(
        t_s=(0.0, 1.0),
        arrivals=(1.0, 1.0),
        queue_depth=(0.0, 3.0),
        in_flight=(1.0, 2.0),
        lag_s=(0.0, 2.5),
        completed=(0.0, 1.0),
    )
    return a_result().synchronous.model_copy(update={"series": series})


def a_report(run: Run) -> LiveReport:
    figure = LiveFigure(
        design="event_driven",
        figure="wait_s.mean",
        unit="s",
        predicted=10.0,
        measured=12.5,
        error_percent=25.0,
        within=False,
    )
    return LiveReport(
        speed=10,
        window="3 minutes around the peak",
        window_s=200,
        scenario=stored.load(Scenario, run.scenario_json),
        jobs=356,
        real_s=61,
        costs=Costs(accept_s=0.003, dispatch_s=0.01, synchronous_s=0.008, retry_tick_s=0.01),
        predicted_synchronous=a_design(),
        predicted_event_driven=a_design(),
        figures=(figure,),
        lateness={"synchronous": Lateness(mean_s=0.001, p99_s=0.005, max_s=0.01)},
    )


def test_it_starts_a_live_run_where_that_is_chosen(client: Client, decision: Decision) -> None:
    answer = client.post(
        reverse("simulate", args=[decision.pk]),
        {"idempotency_key": "k", "engine": "live", "version": decision.draft_version},
    )
    run = Run.objects.get()
    assert answer.status_code == 302
    assert (run.engine, run.speed) == ("live", None)


def test_a_second_live_run_waits_until_the_first_has_ended(client: Client, decision: Decision, user: User) -> None:
    first, second = live_run(decision, user), live_run(decision, user, "two")
    attempt = claim_run(first.pk, NOW)
    assert attempt == 1
    assert claim_run(second.pk, NOW) is None
    assert "Waits for another live run" in client.get(reverse("run", args=[second.pk])).content.decode()
    assert RunLease(first.pk, attempt).finish(NOW, a_result())
    assert claim_run(second.pk, NOW) == 1


def test_a_live_run_keeps_no_kernel_run_waiting(decision: Decision, user: User) -> None:
    live, kernel = live_run(decision, user), request_run(decision.latest(), user, "two")
    assert claim_run(live.pk, NOW) == 1
    assert claim_run(kernel.pk, NOW) == 1


def test_its_charts_fill_while_it_runs(client: Client, decision: Decision, user: User) -> None:
    run = live_run(decision, user)
    attempt = claim_run(run.pk, NOW)
    assert attempt is not None
    url = reverse("run-charts", args=[run.pk])
    assert client.get(url).json() == {}
    assert RunLease(run.pk, attempt).record_so_far(SoFar(speed=10, window="w", synchronous=a_design()))
    answer = client.get(url)
    assert answer["Cache-Control"] == "no-store"
    figures = answer.json()
    assert {"queue_depth", "lag_s", "in_flight"} <= set(figures)
    assert figures["queue_depth"]["title"] == "Jobs waiting: 3 (synchronous)"


def test_its_page_lays_what_was_measured_over_what_was_predicted(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    attempt = claim_run(run.pk, NOW)
    assert attempt is not None
    result = a_result().model_copy(
        update={"engine": "live", "synchronous": a_design(), "event_driven": a_design(), "live": a_report(run)}
    )
    assert RunLease(run.pk, attempt).finish(NOW, result)
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "+25.0" in page
    assert "differs</strong>" in page
    assert "0 of 1 figure agree with the kernel" in html.unescape(page)
    assert "--engine live --speed 10 --seconds 20 --workers threads --seed" in page
    assert "3 minutes around the peak" in page
    names = [line["name"] for line in client.get(reverse("run-charts", args=[run.pk])).json()["queue_depth"]["data"]]
    assert "Event-driven, predicted" in names


def test_dead_letters_of_a_run_that_is_not_under_way_can_only_be_read(decision: Decision, user: User) -> None:
    run = live_run(decision, user)
    assert dead_letters.list_dead_letters(run) == ((), False)
    with pytest.raises(dead_letters.DesignNotRunning):
        dead_letters.empty(run)


def test_what_had_been_measured_of_a_live_run_is_kept_when_it_is_cancelled(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    attempt = claim_run(run.pk, NOW)
    assert attempt is not None
    assert RunLease(run.pk, attempt).record_so_far(SoFar(speed=10, window="w", synchronous=a_design()))
    client.post(reverse("cancel-run", args=[run.pk]))
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "Live run cancelled" in page and "Simulation" not in page
    assert "Measured up to then" in page
    assert {"queue_depth", "lag_s"} <= set(client.get(reverse("run-charts", args=[run.pk])).json())


@pytest.mark.django_db(transaction=True)
def test_a_live_run_that_broke_shows_the_reason_and_the_figures_that_it_had_measured(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    reason = "accept of the event-driven design was killed by signal 9 (SIGKILL)."
    so_far = SoFar(
        speed=10,
        window="w",
        synchronous=a_design(),
        event_driven=a_design(),
        finished=("synchronous",),
        failed=reason,
    )

    def stop(*_: object, **__: object) -> NoReturn:
        raise RunBroken(so_far)

    engine = Engine(stop, lambda *_: Estimate(jobs=1, memory_bytes=1), lambda *_: (), is_live=True)
    run_simulation(str(run.pk), {"live": engine})
    page = html.unescape(client.get(reverse("run", args=[run.pk])).content.decode())
    assert f"The live run stopped: {reason}" in page
    assert "Measured up to then" in page
    assert '<th scope="col">Event-driven, until it stopped</th>' in page
    assert '<th scope="col">Synchronous</th>' in page
    assert '<th scope="row">Calls to the provider</th>' in page


def test_a_live_run_that_is_cancelled_before_it_measured_anything_has_nothing_to_show(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    client.post(reverse("cancel-run", args=[run.pk]))
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    assert "It had not started" in page
    assert "Measured up to then" not in page


def test_kept_dead_letters_are_shown_with_the_time_when_they_were_given_up(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    attempt = claim_run(run.pk, NOW)
    assert attempt is not None
    letter = DeadLetter(job=7, queue="standard", attempts=3, reason="poison: every attempt fails", at_s=100)
    report = a_report(run).model_copy(update={"dead_letters": (letter,)})
    assert RunLease(run.pk, attempt).finish(NOW, a_result().model_copy(update={"engine": "live", "live": report}))
    page = " ".join(client.get(reverse("run", args=[run.pk])).content.decode().split())
    words = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "poison : every attempt fails 1 min 40 s" in words
    assert "Requeue" not in page


@pytest.mark.parametrize("job", ["", "x", "-1", "1" * 40, "٣"])
def test_a_job_that_cannot_be_is_not_taken_for_all_of_them(
    job: str, client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    assert client.post(reverse("requeue-letters", args=[run.pk]), {"job": job}).status_code == 404


def test_a_requeue_that_comes_too_late_is_refused_with_the_reason(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    answer = client.post(reverse("requeue-letters", args=[run.pk]), {"job": "all"}, headers={"HX-Request": "true"})
    assert "Nothing was requeued." in answer.content.decode()


def test_a_kernel_run_has_no_speed(decision: Decision, user: User) -> None:
    with pytest.raises(InvalidInput, match="speed"):
        request_run(decision.latest(), user, "one", RunRequest(speed=10))


def test_a_cancelled_live_run_says_so(client: Client, decision: Decision, user: User) -> None:
    run = live_run(decision, user)
    client.post(reverse("cancel-run", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == State.CANCELLED


def test_a_run_under_way_says_who_answers(client: Client, decision: Decision, user: User) -> None:
    run = live_run(decision, user)
    page = reverse("run", args=[run.pk])
    assert "answers, in real time" not in client.get(page).content.decode()
    Run.objects.update(endpoint_host="models.example", endpoint_model="small")
    assert "small at models.example answers, in real time" in client.get(page).content.decode()


def again(client: Client, run: Run, key: str = "again") -> str:
    """What the page says after the press, or where it leads."""
    answer = client.post(reverse("run-again", args=[run.pk]), {"idempotency_key": key}, follow=True)
    return " ".join(answer.content.decode().split())


def chosen(run: Run) -> tuple[object, ...]:
    return run.engine, run.speed, run.seconds, run.workers, run.revision


def test_a_run_that_succeeded_is_run_again_as_it_ran(client: Client, decision: Decision, user: User) -> None:
    run = request_run(decision.latest(), user, "one", RunRequest(engine=EngineName.LIVE, workers="forking"))
    attempt = claim_run(run.pk, NOW)
    assert attempt is not None
    report = a_report(run).model_copy(update={"speed": 2.0, "seconds": 62.0, "workers": "forking"})
    assert RunLease(run.pk, attempt).finish(NOW, a_result().model_copy(update={"engine": "live", "live": report}))
    assert reverse("run-again", args=[run.pk]) in client.get(reverse("run", args=[run.pk])).content.decode()
    again(client, run)
    again(client, run)
    (other,) = Run.objects.exclude(pk=run.pk)
    assert chosen(other) == ("live", 2.0, 62.0, "forking", run.revision)


def test_a_run_without_a_result_is_run_again_as_it_was_asked_for(
    client: Client, decision: Decision, user: User
) -> None:
    run = request_run(
        decision.latest(), user, "one", RunRequest(engine=EngineName.LIVE, speed=3.0, seconds=45.0, workers="simple")
    )
    client.post(reverse("cancel-run", args=[run.pk]))
    again(client, run)
    (other,) = Run.objects.exclude(pk=run.pk)
    assert chosen(other) == ("live", 3.0, 45.0, "simple", run.revision)


def test_a_cancelled_simulation_is_run_again(client: Client, decision: Decision, user: User) -> None:
    run = request_run(decision.latest(), user, "one", RunRequest(replications=3, servers=7))
    client.post(reverse("cancel-run", args=[run.pk]))
    assert reverse("run-again", args=[run.pk]) in client.get(reverse("run", args=[run.pk])).content.decode()
    again(client, run)
    (other,) = Run.objects.exclude(pk=run.pk)
    assert (other.engine, other.replications, other.servers) == ("kernel", 3, 7)
    assert other.scenario.synchronous.workers == other.scenario.event_driven.consumers == 7


def test_a_run_that_the_machine_no_longer_carries_is_not_started_again_and_says_why(
    client: Client, decision: Decision, user: User
) -> None:
    run = live_run(decision, user)
    client.post(reverse("cancel-run", args=[run.pk]))
    Run.objects.update(speed=5000.0)
    assert "The speed should be at most" in again(client, run)
    assert Run.objects.count() == 1


def test_neither_a_run_under_way_nor_a_result_of_the_kernel_is_run_again(
    client: Client, decision: Decision, user: User
) -> None:
    done = request_run(decision.latest(), user, "two")
    attempt = claim_run(done.pk, NOW)
    assert attempt is not None and RunLease(done.pk, attempt).finish(NOW, a_result())
    for run in (live_run(decision, user), done):
        assert reverse("run-again", args=[run.pk]) not in client.get(reverse("run", args=[run.pk])).content.decode()
        assert client.post(reverse("run-again", args=[run.pk]), {"idempotency_key": "k"}).status_code == 404


def test_who_may_only_read_starts_no_run_again(client: Client, decision: Decision, user: User, vera: User) -> None:
    run = live_run(decision, user)
    client.post(reverse("cancel-run", args=[run.pk]))
    client.force_login(vera)
    assert reverse("run-again", args=[run.pk]) not in client.get(reverse("run", args=[run.pk])).content.decode()
    assert client.post(reverse("run-again", args=[run.pk]), {"idempotency_key": "k"}).status_code in (403, 404)
    assert Run.objects.count() == 1


def test_a_kernel_run_has_neither_length_nor_workers(decision: Decision, user: User) -> None:
    for given in ({"seconds": 60.0}, {"workers": "simple"}):
        with pytest.raises(InvalidInput, match=f"{next(iter(given))}: is for a live run"):
            request_run(decision.latest(), user, "one", RunRequest(**given))
    with pytest.raises(InvalidInput, match="workers: should be one of threads, simple, forking, stock"):
        request_run(decision.latest(), user, "one", RunRequest(engine=EngineName.LIVE, workers="celery"))  # type: ignore[arg-type]
