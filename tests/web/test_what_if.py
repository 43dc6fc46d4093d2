"""The sliders of a decision: what they offer, and the advice on answers that are only tried."""

import json
import re
from typing import Any

import pytest
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from advisor.advice.answers import Answers, answers_from
from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Decision, Revision
from advisor.web.forms.posts import given_from
from advisor.web.forms.what_if import SPAN, sliders_of
from advisor.web.views import what_if
from core.paths import value_at
from tests.fakes.held_simulations import HeldSimulations
from tests.writes import written_tables

DOCUMENTS = TEMPLATES["document_extraction"].answers
LEADS = {
    "rate": "volume.mean_rate_per_s",
    "processing": "processing.p95_s",
    "workers": "synchronous.workers",
    "deadline": "caller.deadline_s",
}


def laid_over(answers: Answers, fields: dict[str, tuple[str, str]]) -> Answers:
    post = QueryDict(mutable=True)
    for path, (text, unit) in fields.items():
        post[path], post[f"unit:{path}"] = text, unit
    return answers_from(given_from(post, answers))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_stop_is_a_valid_answer_and_the_present_one_changes_nothing(name: str) -> None:
    answers = TEMPLATES[name].answers
    for slider in sliders_of(answers):
        now = value_at(answers, LEADS[slider.id])
        tried = [laid_over(answers, fields) for _, fields in json.loads(slider.stops_json)]
        values = [value_at(one, LEADS[slider.id]) for one in tried]
        assert tried[slider.now] == answers
        assert values == sorted(set(values))
        assert values[0] <= max(1 if slider.id == "workers" else 0, 1.1 * now / SPAN)
        assert values[-1] >= 0.9 * SPAN * now or values[-1] == 10_000
        assert len(set(slider.words)) == len(slider.words)


def test_times_and_workers_of_both_designs_move_in_proportion() -> None:
    answers = answers_from(
        {
            "template": "document_extraction",
            "processing": {"p50_s": 8, "p95_s": 20, "p99_s": 40},
            "synchronous": {"workers": 10},
            "operations": {"min_workers": 6, "max_workers": 20},
        }
    )
    sliders = {slider.id: slider for slider in sliders_of(answers)}
    slow, few = (laid_over(answers, json.loads(sliders[name].stops_json)[place][1]) for name, place in
                 (("processing", -1), ("workers", 0)))  # fmt: skip
    assert (slow.processing.p50_s, slow.processing.p95_s, slow.processing.p99_s) == (64, 160, 320)
    assert (few.synchronous.workers, few.operations.min_workers, few.operations.max_workers) == (1, 2, 2)


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"caller": {"deadline_s": None}}, "deadline"), ({"volume": {"clients": 40, "peak_to_mean": 1}}, "rate")],
)
def test_an_answer_that_there_is_not_has_no_slider(given: dict[str, Any], missing: str) -> None:
    sliders = {slider.id for slider in sliders_of(answers_from({"template": "document_extraction", **given}))}
    assert sliders == set(LEADS) - {missing}


@pytest.fixture
def simulations(monkeypatch: pytest.MonkeyPatch) -> HeldSimulations:
    monkeypatch.setattr(what_if, "TRIED_PATIENCE_S", 0)
    return HeldSimulations(monkeypatch)


def ask(client: Client, decision: Decision, version: int = 1, **fields: str) -> Any:
    return client.post(f"{reverse('what-if', args=[decision.pk])}?version={version}", fields)


@pytest.mark.simulated_advice
def test_what_is_tried_is_simulated_and_nothing_is_stored(
    htmx: Client, decision: Decision, simulations: HeldSimulations
) -> None:
    stored = list(Revision.objects.values())
    with written_tables() as written:
        tried = {"volume.mean_rate_per_s": "30", "unit:volume.mean_rate_per_s": "per minute"}
        waiting = ask(htmx, decision, **tried)
        assert (waiting["HX-Reswap"], waiting["HX-Trigger"]) == ("none", '{"ask": {}}')
        simulations.release()
        assert simulations.simulated == [0.5]
        simulations.simulated.clear()
        tried["unit:volume.mean_rate_per_s"] = "/s"
        ask(htmx, decision, **tried)
        simulations.release()
        answer = ask(htmx, decision, **tried)
        assert simulations.simulated == [30]
        assert "HX-Trigger" not in answer and "HX-Reswap" not in answer
    page = answer.content.decode().replace("\xa0", " ")
    assert "99.9 % of the event-driven and 90 % of the synchronous requests are in time" in page
    assert re.search("Event-driven|No design", page)
    assert written <= {Revision._meta.db_table} and list(Revision.objects.values()) == stored
    assert decision.latest().answers.volume.mean_rate_per_s == 0.5


def test_the_sliders_are_around_the_saved_answers(htmx: Client, decision: Decision) -> None:
    htmx.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "processing.p95_s": "30"})
    page = htmx.get(reverse("what-if-sliders", args=[decision.pk]), {"version": "1"}).content.decode()
    assert 'data-of="2"' in page and "?version=2" in page
    assert re.search(r'<output for="slider-processing">[^<]*30', page)


def test_answers_that_contradict_the_others_are_named(htmx: Client, decision: Decision) -> None:
    answer = ask(htmx, decision, **{"processing.p50_s": "30"})
    assert answer.status_code == 422
    assert "This must be at least 30 s, the answer to “How long does processing take, typically?”." in (
        answer.content.decode().replace("&quot;", '"')
    )


def test_nothing_is_said_of_answers_that_have_been_changed_since(htmx: Client, decision: Decision) -> None:
    htmx.post(reverse("save-answers", args=[decision.pk]), {"version": "1", "processing.p95_s": "30"})
    assert ask(htmx, decision, 1, **{"processing.p95_s": "40"}).status_code == 204
    assert ask(htmx, decision, 2, **{"processing.p95_s": "40"}).status_code == 200
