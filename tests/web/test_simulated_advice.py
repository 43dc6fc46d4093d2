"""The page of a decision while its answers are simulated."""

import html
import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from advisor.decisions import stored
from advisor.decisions.models import Decision, Run, State
from advisor.decisions.services import simulated_advice
from advisor.decisions.services.simulated_advice import find_flips_of
from advisor.teams.models import User, Workspace
from advisor.web import decision_page
from advisor.web.views import answers, decisions
from tests.fakes.engines import a_result
from tests.fakes.held_simulations import HeldSimulations, an_evidence
from tests.web.conftest import MakeRun

pytestmark = pytest.mark.simulated_advice

FLIP = "no design is feasible"
"""What a flip says, in the list and next to its field. Those of the formulas may differ from the simulated ones, and are not shown."""

DETAILS = 'id="advice-details"'
"""The reasons and the plan."""


@pytest.fixture(autouse=True)
def simulations(monkeypatch: pytest.MonkeyPatch) -> HeldSimulations:
    monkeypatch.setattr(decision_page, "SAVE_PATIENCE_S", 0)
    monkeypatch.setattr(decisions, "POLL_S", 0)
    monkeypatch.setattr(answers, "PLAN_PATIENCE_S", 0)
    simulated_advice._typical.cache_clear()
    return HeldSimulations(monkeypatch)


def save(client: Client, decision: Decision, rate_per_s: str) -> str:
    decision.refresh_from_db()
    posted = {"version": str(decision.draft_version), "volume.mean_rate_per_s": rate_per_s}
    return client.post(reverse("save-answers", args=[decision.pk]), posted).content.decode().replace("\xa0", " ")


def address_of_the_rest(page: str) -> str:
    match = re.search(r'hx-get="([^"]+/advice/settled\?version=\d+(?:&amp;shows=\w+)?)"', page)
    assert match
    return html.unescape(match[1])


def test_typing_shows_the_forces_first_and_then_what_was_simulated(
    htmx: Client, decision: Decision, simulations: HeldSimulations
) -> None:
    page = save(htmx, decision, "0.4")
    assert "Your numbers are being simulated" in page and "By the forces alone: event-driven" in page
    assert 'data-mark="evidence"' not in page and FLIP not in page
    simulations.release()
    rest = htmx.get(address_of_the_rest(page)).content.decode().replace("\xa0", " ")
    assert "Event-driven, clearly. Deliver by polling." in rest
    assert "99.9 % of the event-driven and 90 % of the synchronous requests are in time" in rest
    assert 'aria-label="90 % in time (90 % to 90 %), 99 % wanted"' in rest and "at most 40 requests waiting" in rest
    assert "What would change the advice is being simulated" in rest and "What would change it" not in rest
    assert FLIP not in rest
    asked = html.unescape(re.findall(r'hx-get="([^"]+)"', rest)[0])
    assert asked == address_of_the_rest(page).replace("shows=older", "flips")
    assert htmx.get(asked).status_code == 204
    simulations.release()
    last = htmx.get(asked).content.decode().replace("\xa0", " ")
    assert "What would change it" in last and "hx-get" not in last
    assert FLIP in last[last.index('id="field-caller-deadline_s-thresholds"') :]


def test_a_page_asks_again_until_the_simulation_has_ended(
    htmx: Client, decision: Decision, simulations: HeldSimulations
) -> None:
    saved = save(htmx, decision, "0.4")
    assert DETAILS not in saved and "what follows is of the previous answers" in saved
    forces = htmx.get(address_of_the_rest(saved)).content.decode().replace("\xa0", " ")
    assert DETAILS in forces and "Your numbers are being simulated" in forces and "previous answers" not in forces
    address = address_of_the_rest(forces)
    answer = htmx.get(address).content.decode()
    assert address_of_the_rest(answer) == address
    assert "verdict" not in answer and DETAILS not in answer


def test_evidence_of_older_answers_is_never_sent_to_a_page_with_newer_ones(
    htmx: Client, decision: Decision, simulations: HeldSimulations
) -> None:
    older = address_of_the_rest(save(htmx, decision, "0.4"))
    simulations.release()
    newer = save(htmx, decision, "0.3")
    assert "Your numbers are being simulated" in newer
    assert htmx.get(older).status_code == 204
    simulations.release()
    assert "in time" in htmx.get(address_of_the_rest(newer)).content.decode()


def test_while_the_simulator_is_loaded_the_forces_decide_and_the_page_says_so(
    htmx: Client, decision: Decision, simulations: HeldSimulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulated_advice, "is_warm", lambda: False)
    monkeypatch.setattr(simulated_advice.THREADS, "begin_warming", lambda: None)
    page = save(htmx, decision, "0.4")
    assert "By the forces alone: event-driven" in page and "The simulator is being loaded" in page
    assert FLIP in page and DETAILS in page
    monkeypatch.setattr(simulated_advice, "is_warm", lambda: True)
    rest = address_of_the_rest(page)
    assert address_of_the_rest(htmx.get(rest).content.decode()) == rest
    simulations.release()
    settled = htmx.get(rest).content.decode()
    assert "in time" in settled and 'id="field-operations-max_workers-thresholds"' in settled, (
        "the formulas' thresholds stay"
    )


def test_the_list_says_that_answers_are_being_simulated(
    client: Client, decision: Decision, simulations: HeldSimulations
) -> None:
    assert "Being simulated" in client.get(reverse("home")).content.decode()
    simulations.release()
    page = client.get(reverse("home")).content.decode()
    assert "Being simulated" not in page and "Event-driven, clearly." in page


def test_a_longer_simulation_that_concludes_otherwise_says_so_on_the_page_in_the_list_and_in_the_report(
    client: Client, decision: Decision, simulations: HeldSimulations, make_run: MakeRun
) -> None:
    client.get(reverse("decision", args=[decision.pk]))
    simulations.release()
    intervals = {"good_share": (0.995, 0.999)}
    design = a_result().synchronous.model_copy(update={"intervals": intervals})
    longer = a_result().model_copy(
        update={"synchronous": design, "event_driven": design, "verdict": ["synchronous", "event_driven"]}
    )
    make_run(State.SUCCEEDED, result_json=stored.dump(longer))
    client.get(reverse("decision", args=[decision.pk]))
    assert not find_flips_of(decision.latest(), 0)
    simulations.release()
    change = "The longer simulation says otherwise than the advice: the synchronous design meets the deadline"
    for address in (
        reverse("decision", args=[decision.pk]),
        reverse("home"),
        reverse("report", args=[decision.pk, "md"]),
    ):
        page = " ".join(client.get(address).content.decode().replace("\xa0", " ").split())
        assert change in page, address
        for words in ("Synchronous and event-driven meet the deadline.", "Simulated on 10 requests"):
            assert words in page or "report" in address


def test_a_simulation_that_is_asked_for_right_after_typing_has_the_consumers_of_the_plan(
    htmx: Client, decision: Decision, simulations: HeldSimulations, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulations.consumers = 3
    save(htmx, decision, "0.4")
    monkeypatch.setattr(simulations, "submit", simulations.run_at_once)
    decision.refresh_from_db()
    posted = {"version": str(decision.draft_version), "volume.mean_rate_per_s": "0.3", "idempotency_key": str(uuid4())}
    htmx.post(reverse("simulate", args=[decision.pk]), posted)
    assert Run.objects.get().scenario.event_driven.consumers == 3


def test_a_card_of_a_new_decision_has_what_its_template_simulates_to(
    client: Client, user: User, workspace: Workspace, simulations: HeldSimulations
) -> None:
    simulations.finding = an_evidence(0.999, 0.9)
    first = client.get(reverse("new-decision")).content.decode()
    assert "Event-driven, clearly." in first
    simulations.release()
    assert "Event-driven, clearly." not in client.get(reverse("new-decision")).content.decode()
