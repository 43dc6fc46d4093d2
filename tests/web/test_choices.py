"""A choice that does not exist is refused next to its field, with everything else that was posted kept: every choice of every form."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.test import Client
from django.test.html import Element, parse_html
from django.urls import reverse
from pytest_django import Settings

from advisor.decisions.models import Decision, Run, State
from advisor.decisions.services.decisions import change_status
from advisor.decisions.services.revisions import save_answers
from advisor.teams.models import User
from tests.fakes.outside import allow
from tests.web.conftest import MakeRun

NONSENSE = "nonsense"
KEPT = "17"
"""Goes into the first text of each form; a number, a name and a title may be so."""


@dataclass
class Form:
    """A form as a browser would send it."""

    action: str
    method: str = "get"
    data: dict[str, list[str]] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)
    text: str = ""
    """The name of its first text."""


def elements(root: Any, inside: Element | None = None) -> Iterator[tuple[Element, Element | None]]:
    """Every element with the form that contains it."""
    for child in getattr(root, "children", ()):
        if isinstance(child, Element):
            form = child if child.name == "form" else inside
            yield child, form
            yield from elements(child, form)


def attributes(element: Element) -> dict[str, str]:
    return {name: value or "" for name, value in element.attributes}


def forms_of(page: str, address: str) -> list[Form]:
    forms: dict[str, Form] = {}
    everything = list(elements(parse_html(page)))
    for element, _ in everything:
        if element.name == "form":
            given = attributes(element)
            forms[given.get("id", str(id(element)))] = Form(given.get("action", address), given.get("method", "get"))
    for element, inside in everything:
        given = attributes(element)
        owner = given.get("form") or (attributes(inside).get("id", str(id(inside))) if inside else "")
        if owner in forms and "name" in given:
            add(forms[owner], element, given)
    return list(forms.values())


def add(form: Form, element: Element, given: dict[str, str]) -> None:
    name, kind = given["name"], given.get("type", "text")
    if element.name == "select":
        options = [attributes(option) | {"text": "".join(map(str, option.children))} for option, _ in elements(element)
                   if option.name == "option"]  # fmt: skip
        chosen = next((option for option in options if "selected" in option), options[0])
        form.data.setdefault(name, []).append(chosen.get("value", chosen["text"].strip()))
        form.choices.append(name)
    elif element.name == "input" and kind == "checkbox":
        form.data.setdefault(name, []).extend([given.get("value", "on")] if "checked" in given else [])
        form.choices.append(name)
    elif element.name == "input" and kind != "file":
        form.data.setdefault(name, []).append(given.get("value", ""))
        if kind == "text" and not form.text and "readonly" not in given:
            form.text = name


def errors_next_to(page: str, name: str) -> str:
    """What is said in the elements that describe a field, or the group that contains it."""
    everything = [element for element, _ in elements(parse_html(page))]
    texts = {attributes(element).get("id"): "".join(map(str, element.children)).strip() for element in everything}
    described = [
        attributes(element).get("aria-describedby", "")
        for element in everything
        if attributes(element).get("name") == name
        or (element.name == "fieldset" and any(attributes(inner).get("name") == name for inner, _ in elements(element)))
    ]
    return " ".join(texts.get(id_, "") for ids in described for id_ in ids.split() if "error" in id_).strip()


@pytest.fixture
def addresses(decision: Decision, user: User, settings: Settings) -> dict[str, str]:
    allow(settings)
    change_status(decision, user, "accepted")
    save_answers(decision, {"processing": {"p95_s": 44}}, user, decision.draft_version)
    return {
        "decision": reverse("decision", args=[decision.pk]),
        "map": reverse("new-sweep", args=[decision.pk]),
        "hop": reverse("new-library-entry", args=["hop"]),
        "workspace": reverse("workspace", args=[decision.workspace.pk]),
        "revision": reverse("revision", args=[decision.pk, 1]),
        "revisions": reverse("compare-revisions", args=[decision.pk]),
    }


def send(client: Client, form: Form, data: dict[str, list[str]]) -> Any:
    return getattr(client, form.method)(form.action, data)


@pytest.mark.parametrize("which", ["decision", "map", "hop", "workspace", "revision", "revisions"])
def test_a_choice_that_does_not_exist_is_refused_next_to_its_field(
    client: Client, addresses: dict[str, str], which: str, decision: Decision
) -> None:
    shown = client.get(addresses[which]).content.decode()
    tried = 0
    for form in forms_of(shown, addresses[which]):
        # How sure an answer is, and its unit, are asked next to every number by the same code: one of each will do.
        alike = {name.partition(":")[0] if name.startswith(("as:", "unit:")) else name: name for name in form.choices}
        for name in alike.values():
            decision.refresh_from_db()
            data = form.data | ({form.text: [KEPT]} if form.text else {}) | {name: [NONSENSE]}
            answer = send(client, form, data | {"version": [str(decision.draft_version)]})
            again = answer.content.decode()
            assert answer.status_code == 422, f"{name}: {answer.status_code}"
            assert errors_next_to(again, name), f"{name}: nothing is said next to it"
            kept = re.search(rf'name="{re.escape(form.text)}"\s+value="{KEPT}"', again)
            assert kept or not form.text, f"{name}: {form.text} is not kept"
            tried += 1
    assert tried >= {"decision": 20, "map": 2, "hop": 1, "workspace": 2, "revision": 1, "revisions": 2}[which]
    assert not Run.objects.exists()


def test_simulate_with_a_choice_that_does_not_exist_starts_nothing(client: Client, decision: Decision) -> None:
    for name in ("engine", "endpoint"):
        fields = {"version": "1", "idempotency_key": "k", "engine": "live", name: NONSENSE}
        answer = client.post(reverse("simulate", args=[decision.pk]), fields)
        assert answer.status_code == 422
        assert "There is no choice" in answer.content.decode()
    assert not Run.objects.exists()
    assert client.get(reverse("live-plan", args=[decision.pk]), {"engine": NONSENSE}).status_code == 422


def test_what_is_chosen_by_a_button_or_a_link_is_refused_too(client: Client, decision: Decision, user: User) -> None:
    listed = client.get(reverse("home"), {"status": NONSENSE})
    assert listed.status_code == 422
    assert decision.title in listed.content.decode(), "all are listed"
    picked = client.get(reverse("compare"), {"run": NONSENSE})
    assert picked.status_code == 422 and "no such simulation" in picked.content.decode()


@pytest.mark.parametrize("ticked", [0, 1])
def test_side_by_side_with_too_few_ticked_says_what_to_do(client: Client, run: Run, ticked: int) -> None:
    asked = {"compare": "1"} | ({"run": str(run.pk)} if ticked else {})
    answer = client.get(reverse("compare"), asked)
    assert answer.status_code == 422
    assert f"Tick at least 2 simulations to compare; {'one is' if ticked else 'none is'} ticked." in (
        answer.content.decode()
    )
    assert ("checked" in answer.content.decode()) == bool(ticked)


def test_the_address_of_a_comparison_holds_the_simulations_alone(client: Client, run: Run, make_run: MakeRun) -> None:
    other = make_run(State.SUCCEEDED)
    answer = client.get(reverse("compare"), {"run": [str(run.pk), str(other.pk)], "compare": "1"})
    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('compare')}?run={run.pk}&run={other.pk}"


@pytest.mark.parametrize("value", ["NaN", "-1", "true", "no", "off", "1"])
def test_a_yes_or_no_takes_on_and_empty_alone(client: Client, decision: Decision, value: str) -> None:
    url = reverse("save-answers", args=[decision.pk])
    for given in ([value], ["on", value], [value, "on"]):
        answer = client.post(url, {"version": "1", "failures.dead_letter": given})
        assert answer.status_code == 422
        assert (
            errors_next_to(answer.content.decode(), "failures.dead_letter") == "This must be yes or no: on, or empty."
        )
    assert decision.latest().answers.failures.dead_letter
    assert client.post(url, {"version": "1", "failures.dead_letter": ["", "on"]}).status_code == 302
