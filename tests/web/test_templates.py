"""The page of a template: looking at it stores nothing, and the first answer that is changed makes a decision of it."""

import html
import re
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from advisor.advice.templates import TEMPLATES
from advisor.decisions.models import Decision, Run, Step
from advisor.teams.models import User, Workspace
from tests.fakes.held_simulations import HeldSimulations
from tests.web.conftest import take_template
from tests.writes import written_tables

NEW = {"version": "new:document_extraction"}


def look(client: Client) -> tuple[str, str]:
    """The page, and the address to which it saves."""
    page = client.get(reverse("template", args=["document_extraction"])).content.decode()
    address = re.search(r'hx-post="([^"]+/answers)"', page)
    assert address
    return page, address[1]


@pytest.mark.parametrize("name", TEMPLATES)
def test_looking_at_a_template_stores_nothing(name: str, client: Client, workspace: Workspace) -> None:
    with written_tables() as written:
        page = client.get(reverse("template", args=[name])).content.decode()
    assert TEMPLATES[name].title in page and "What would change it" in page and 'value="new:' in page
    assert written == set()


def test_the_first_changed_answer_makes_the_decision_and_can_be_undone(htmx: Client, workspace: Workspace) -> None:
    _, address = look(htmx)
    answer = htmx.post(address, NEW | {"volume.peak_to_mean": "3", "unit:volume.peak_to_mean": "x"})
    decision = Decision.objects.get()
    assert answer["HX-Replace-Url"] == reverse("decision", args=[decision.pk]) == address.removesuffix("/answers")
    page = answer.content.decode()
    assert re.search(r'id="version"[^>]+value="2"', page) and 'hx-swap-oob="outerHTML:#not-stored"' in page
    assert decision.latest().answers.volume.peak_to_mean == 3 and decision.title == "Document extraction"
    htmx.post(reverse("undo-answers", args=[decision.pk]), {"version": "2"})
    decision.refresh_from_db()
    assert decision.latest().answers == TEMPLATES["document_extraction"].answers
    again = htmx.post(address, {"version": "3", "volume.peak_to_mean": "4"})
    assert "HX-Replace-Url" not in again and Decision.objects.count() == 1


def test_what_is_posted_unchanged_or_cannot_be_read_makes_no_decision(htmx: Client, workspace: Workspace) -> None:
    _, address = look(htmx)
    assert htmx.post(address, NEW | {"volume.peak_to_mean": "8"}).status_code == 200
    assert htmx.post(f"{address}/undo", NEW).status_code == 200
    refused = htmx.post(address, NEW | {"volume.peak_to_mean": "often"})
    assert refused.status_code == 422 and "This must be a number" in refused.content.decode()
    assert not Decision.objects.exists() and not Step.objects.exists()
    htmx.post(address, NEW | {"volume.peak_to_mean": "9"})
    assert Decision.objects.get().latest().answers.volume.peak_to_mean == 9


def test_a_page_that_is_left_while_its_first_change_is_under_way_loses_nothing(
    htmx: Client, workspace: Workspace
) -> None:
    _, address = look(htmx)
    htmx.post(address, NEW | {"volume.peak_to_mean": "3"})
    assert htmx.post(address, NEW | {"processing.p95_s": "44"}).status_code == 409
    htmx.post(address, NEW | {"processing.p95_s": "44", "under_way": ""})
    answers = Decision.objects.get().latest().answers
    assert (answers.volume.peak_to_mean, answers.processing.p95_s) == (3, 44)


def test_a_template_is_taken_as_it_is(client: Client, workspace: Workspace) -> None:
    answer = take_template(client, "chat_assistant")
    decision = Decision.objects.get()
    assert answer.url == reverse("decision", args=[decision.pk]) and decision.title == "Chat assistant"
    assert not Step.objects.exists()


def test_without_javascript_an_unchanged_page_is_shown_again(client: Client, workspace: Workspace) -> None:
    _, address = look(client)
    assert client.post(address, NEW).url == reverse("template", args=["document_extraction"])
    assert not Decision.objects.exists()


def test_simulate_makes_the_decision_and_its_run(client: Client, workspace: Workspace, user: User) -> None:
    _, address = look(client)
    started = client.post(address.replace("/answers", "/simulate"), NEW | {"idempotency_key": str(uuid4())})
    run = Run.objects.get()
    assert started.url == reverse("run", args=[run.pk])
    assert run.revision.decision == Decision.objects.get()


def test_a_recording_makes_the_decision_that_reads_it(client: Client, workspace: Workspace) -> None:
    page, _ = look(client)
    address = re.search(r'action="([^"]+/trace\?version=new:document_extraction)"', page)
    assert address
    broken = SimpleUploadedFile("arrivals.csv", b"hello")
    assert client.post(address[1], {"trace": broken}).status_code == 422
    assert not Decision.objects.exists()
    answer = client.post(address[1], {"trace": SimpleUploadedFile("arrivals.csv", b"time\n0\n1\n3\n")})
    decision = Decision.objects.get()
    assert answer.url.startswith(reverse("decision", args=[decision.pk]) + "/recordings/")


@pytest.mark.simulated_advice
def test_its_advice_is_simulated_as_that_of_a_decision(
    htmx: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("advisor.web.decision_page.SAVE_PATIENCE_S", 0)
    monkeypatch.setattr("advisor.web.views.decisions.POLL_S", 0)
    simulations = HeldSimulations(monkeypatch)
    page, _ = look(htmx)
    rest = re.search(r'hx-get="([^"]+/advice/settled\?version=new:document_extraction)"', page)
    assert rest and "Your numbers are being simulated" in page
    simulations.release()
    settled = htmx.get(html.unescape(rest[1])).content.decode().replace("\xa0", " ")
    assert "99.9 % of the event-driven and 90 % of the synchronous requests are in time" in settled
    assert not Decision.objects.exists()


@pytest.mark.parametrize("name", ["", "nothing", "\x00", "x" * 100_000])
def test_an_unknown_template_is_refused(name: str, client: Client, workspace: Workspace) -> None:
    assert take_template(client, name).status_code == 404
    assert client.get("/decisions/new/template/nothing").status_code == 404
    assert not Decision.objects.exists()


def test_an_id_that_another_workspace_has_is_no_new_decision(
    client: Client, decision: Decision, charlie: User, hosted: Any
) -> None:
    client.force_login(charlie)
    with written_tables() as written:
        answer = client.post(reverse("save-answers", args=[decision.pk]), NEW | {"create": "on"})
    assert answer.status_code == 404 and written == set()
