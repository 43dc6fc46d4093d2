"""How a simulation is run, chosen next to Simulate: kept through saves, refused next to its field, and planned before it starts."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from advisor.decisions.models import Decision, Run
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.revisions import save_answers
from advisor.teams.models import User
from tests.fakes.outside import HOST, MODEL, allow

pytestmark = pytest.mark.usefixtures("unmeasured")
LIVE = {"engine": "live", "speed": "4"}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is taken with caution, whatever is known of this one."""
    monkeypatch.setattr("simulator.live.run.machine_capacity.known", lambda *_: None)


def posted(decision: Decision, **given: str) -> dict[str, str]:
    decision.refresh_from_db()
    return {"idempotency_key": "k", "version": str(decision.draft_version)} | given


def show(client: Client, decision: Decision) -> str:
    return client.get(reverse("decision", args=[decision.pk])).content.decode()


def plan(client: Client, decision: Decision, **given: str) -> str:
    answer = client.get(reverse("live-plan", args=[decision.pk]), {"engine": "live"} | given, headers=HTMX)
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    return answer.content.decode().replace("\xa0", " ")


def error_of(page: str, name: str) -> str:
    match = re.search(rf'id="{name}-?error"[^>]*>([^<]*)<', page)
    return match[1].strip().replace("\xa0", " ") if match else ""


def is_live(page: str) -> bool:
    return re.search(r'value="live"\s+selected', page) is not None


def test_without_a_choice_it_is_the_kernel_and_nothing_is_planned(client: Client, decision: Decision) -> None:
    page = show(client, decision)
    assert not is_live(page)
    assert "times as fast" not in page


def test_a_choice_outlasts_a_save_without_javascript(client: Client, decision: Decision) -> None:
    client.post(reverse("save-answers", args=[decision.pk]), posted(decision, **LIVE))
    page = show(client, decision)
    assert is_live(page)
    assert re.search(r'name="speed"\s+form="answers"\s+value="4"', page)
    assert "4 times as fast" in page


def test_a_choice_is_of_its_decision_alone(client: Client, decision: Decision, user: User) -> None:
    client.post(reverse("save-answers", args=[decision.pk]), posted(decision, **LIVE))
    other = create_decision(decision.workspace, user, {"template": "email_triage"})
    assert not is_live(show(client, other))


def test_a_save_of_a_page_that_shows_a_live_run_asks_for_its_plan_anew(client: Client, decision: Decision) -> None:
    url = reverse("save-answers", args=[decision.pk])
    assert "advised" in client.post(url, posted(decision, **LIVE), headers=HTMX)["HX-Trigger-After-Settle"]
    assert "HX-Trigger-After-Settle" not in client.post(url, posted(decision, engine="kernel"), headers=HTMX)


def test_a_plan_says_what_a_live_run_will_be(client: Client, decision: Decision, user: User) -> None:
    words = plan(client, decision)
    assert "3 minutes around the peak" in words and "10 times as fast" in words
    assert re.search(r"about 3\d\d jobs through each design, arriving for 20 s; about (1 min|\d\d s|\d min)", words)
    assert "299 jobs of which none misses its deadline; this run is long enough" in words
    assert "first live run with such workers measures what this machine carries" in words
    assert "Callers would poll" in words, "what sets the highest speed"
    assert "5 times as fast" in plan(client, decision, speed="5")
    save_answers(decision, {"processing": {"p50_s": 1, "p95_s": 2}}, user, decision.draft_version)
    assert "10 times as fast" not in plan(client, decision)


def test_a_plan_follows_the_length_that_is_typed(client: Client, decision: Decision) -> None:
    words = plan(client, decision, speed="1", seconds="1 min 30 s")
    assert "arriving for 90 s" in words
    assert re.search(r"too short for one: jobs would have to arrive for about \d min", words)
    assert "this run is long enough" in plan(client, decision, speed="4", seconds="90")


def test_a_plan_follows_the_kind_of_workers(client: Client, decision: Decision) -> None:
    forking = plan(client, decision, workers="forking")
    assert "forks for each job" in forking and "3 times as fast" in forking
    stock = plan(client, decision, workers="stock")
    assert "in real time: about" in stock and "nothing of them replaced" in stock
    assert "SimpleWorker" in show(client, decision), "without a choice the page tells of threads"


@pytest.mark.parametrize(
    ("seconds", "why"),
    [("0", "How long jobs arrive should be between 1 s and 24 h, such as 60 s."), ("2 days", "between 1 s and 24 h"),
     ("long", "How long jobs arrive must be a number such as 20 or 20 s"), ("-5", "between 1 s"),
     ("500", "How long jobs arrive should be at most about [1-4] min( \\d+ s)? here: the run would take about")],
)  # fmt: skip
def test_a_length_that_will_not_do_is_refused_next_to_its_field(
    client: Client, decision: Decision, seconds: str, why: str
) -> None:
    answer = client.post(reverse("simulate", args=[decision.pk]), posted(decision, engine="live", seconds=seconds))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(why, error_of(page, "run-seconds"))
    assert f'value="{seconds}"' in page
    assert not Run.objects.exists()


def test_the_longest_that_a_refusal_names_is_accepted(client: Client, decision: Decision) -> None:
    refused = error_of(plan(client, decision, speed="1", seconds="3600"), "run-seconds")
    named = re.search(r"at most about ([\d.]+ (?:min|s)(?: [\d.]+ s)?) here", refused)
    assert named is not None, refused
    assert f"arriving for {named[1]};" in plan(client, decision, speed="1", seconds=named[1])


@pytest.mark.parametrize(
    ("given", "field", "why"),
    [({"workers": "stock", "speed": "3"}, "run-speed", "stock workers run in real time"),
     ({"workers": "celery"}, "run-workers", "choose threads, a process each, a fork for each job or stock")],
)  # fmt: skip
def test_workers_that_will_not_do_are_refused(
    client: Client, decision: Decision, given: dict[str, str], field: str, why: str
) -> None:
    answer = client.post(reverse("simulate", args=[decision.pk]), posted(decision, engine="live", **given))
    assert answer.status_code == 422
    assert why in error_of(answer.content.decode(), field)
    assert not Run.objects.exists()


def test_more_consumers_than_processes_are_refused_by_name(client: Client, decision: Decision, user: User) -> None:
    save_answers(decision, {"synchronous": {"workers": 100}, "operations": {"max_workers": 100}}, user, 1)
    assert "Simple workers are at most 60, a process each" in error_of(plan(client, decision, workers="simple"), "run")
    assert error_of(plan(client, decision), "run") == ""


def test_the_length_and_the_workers_asked_for_are_on_record_and_stay_chosen(client: Client, decision: Decision) -> None:
    client.post(
        reverse("simulate", args=[decision.pk]),
        posted(decision, engine="live", seconds="1m30", workers="forking", speed="2"),
    )
    run = Run.objects.get()
    assert (run.seconds, run.workers, run.speed) == (90, "forking", 2)
    page = show(client, decision)
    assert re.search(r'name="seconds"\s+form="answers"\s+value="1m30"', page)
    assert re.search(r'value="forking"\s+selected', page)


def test_the_length_and_the_workers_of_a_choice_that_is_no_longer_live_count_for_nothing(
    client: Client, decision: Decision
) -> None:
    given = posted(decision, engine="kernel", seconds="9999999", workers="stock")
    client.post(reverse("simulate", args=[decision.pk]), given)
    run = Run.objects.get()
    assert (run.seconds, run.workers) == (None, "threads")


def test_a_kernel_run_needs_no_plan(client: Client, decision: Decision) -> None:
    assert "times as fast" not in plan(client, decision, engine="kernel")


@pytest.mark.parametrize(
    ("speed", "why"),
    [("400", "at most 10 here: callers would poll"), ("0.1", "more than 0.1 here: the run would take about"),
     ("fast", "a number"), ("0", "over 0"), ("-1", "over 0"),
     ("nan", "over 0"), ("1e999", "over 0"), ("9" * 30, "over 0"), ("٣x", "over 0|at most|number")],
)  # fmt: skip
def test_a_speed_that_will_not_do_is_refused_next_to_its_field_and_nothing_is_lost(
    client: Client, decision: Decision, speed: str, why: str
) -> None:
    given = posted(decision, engine="live", speed=speed, **{"processing.p95_s": "21", "unit:processing.p95_s": "s"})
    if speed == "٣x":  # another alphabet's three is a three
        given["speed"] = "99999٣x"
    answer = client.post(reverse("simulate", args=[decision.pk]), given)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(why, error_of(page, "run-speed"))
    assert is_live(page) and f'value="{given["speed"][:20]}"' in page
    assert not Run.objects.exists()
    decision.refresh_from_db()
    assert decision.latest().answers.processing.p95_s == 21, "the answers are saved"
    assert f'value="{decision.draft_version}"' in page, "and the page knows their version"


def test_with_htmx_a_refusal_comes_alone(client: Client, decision: Decision) -> None:
    given = posted(decision, engine="live", speed="400")
    answer = client.post(reverse("simulate", args=[decision.pk]), given, headers=HTMX)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "at most 10 here" in error_of(page, "run-speed")
    assert 'id="run-engine"' not in page, "the choice itself stays as it stands"


def test_what_a_live_run_cannot_do_is_shown_before_it_is_requested(
    client: Client, decision: Decision, user: User
) -> None:
    save_answers(decision, {"synchronous": {"workers": 300}}, user, decision.draft_version)
    assert "at most 200" in error_of(plan(client, decision), "run")
    answer = client.post(reverse("simulate", args=[decision.pk]), posted(decision, engine="live"))
    assert answer.status_code == 422
    assert "at most 200" in error_of(answer.content.decode(), "run")


def test_the_speed_asked_for_is_on_record(client: Client, decision: Decision) -> None:
    client.post(reverse("simulate", args=[decision.pk]), posted(decision, engine="live", speed="2.5x"))
    assert Run.objects.get().speed == 2.5


def test_the_speed_of_a_choice_that_is_no_longer_live_counts_for_nothing(client: Client, decision: Decision) -> None:
    client.post(reverse("simulate", args=[decision.pk]), posted(decision, engine="kernel", speed="400"))
    assert Run.objects.get().speed is None


def test_who_answers_is_no_question_unless_an_administrator_has_made_it_one(client: Client, decision: Decision) -> None:
    assert 'name="endpoint"' not in show(client, decision)
    answer = client.post(
        reverse("simulate", args=[decision.pk]), posted(decision, engine="live", speed="", endpoint="outside")
    )
    assert answer.status_code == 422
    assert "no outside endpoint is allowed here" in answer.content.decode().lower()
    assert not Run.objects.exists()
    assert "allowed here" not in show(client, decision), "a choice that is no longer one is forgotten"


def test_who_answers_is_offered_with_its_caps(client: Client, decision: Decision, settings: Settings) -> None:
    allow(settings)
    page = show(client, decision)
    assert 'name="endpoint"' in page and HOST in page
    assert "at most 200 calls of 256 tokens" in page
    words = plan(client, decision, endpoint="outside")
    assert f"{MODEL} at {HOST} answers" in words and "in real time" in words
    assert "20 such runs left of 20 in 24 hours" in words
    client.post(reverse("simulate", args=[decision.pk]), posted(decision, **LIVE, endpoint="outside"))
    assert not Run.objects.exists(), "it has no speed but that of life"
    client.post(reverse("simulate", args=[decision.pk]), posted(decision, engine="live", endpoint="outside"))
    assert Run.objects.get().endpoint_host == HOST


def test_the_plan_has_a_page_of_its_own(client: Client, decision: Decision) -> None:
    answer = client.get(reverse("live-plan", args=[decision.pk]), {"engine": "live"})
    assert "3 minutes around the peak" in answer.content.decode()
    assert reverse("decision", args=[decision.pk]) in answer.content.decode()
