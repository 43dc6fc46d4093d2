"""The pages of a crossover map: its form, and the map in every state."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from advisor.decisions.models import Decision, PartState, Sweep, SweepState
from advisor.decisions.services.sweeps import CELLS
from advisor.sweeps.contract import Cell, GoodShare
from advisor.teams.models import User
from tests.rows import a_sweep

HIGH, LOW = (GoodShare(good_share=share, low=share - 0.001, high=share + 0.001) for share in (0.998, 0.5))
GROWS = GoodShare(good_share=0.3, low=0.2, high=0.4, stable=False)


def filled(sweep: Sweep, parts: int, **cell: Any) -> Sweep:
    """The sweep with its first parts done; in every cell only the event-driven design meets the deadline."""
    points = list(sweep.grid.points())
    values: dict[str, Any] = {
        "style": "event_driven",
        "verdict": "event_driven",
        "margin": 0.008,
        "synchronous": LOW,
        "event_driven": HIGH,
    }
    for part in sweep.parts.order_by("first")[:parts]:
        cells = [Cell(x=x, y=y, **(values | cell)) for x, y in points[part.first : part.first + part.cells]]
        part.cells_json = CELLS.dump_json(tuple(cells), by_alias=True).decode()
        part.state = PartState.DONE
        part.save()
    return sweep


def ended(sweep: Sweep, state: str = SweepState.SUCCEEDED, error_text: str = "") -> Sweep:
    now = timezone.now()
    Sweep.objects.filter(pk=sweep.pk).update(state=state, error_text=error_text, started_at=now, finished_at=now)
    return sweep


def page_of(client: Client, sweep: Sweep, name: str = "sweep") -> str:
    answer = client.get(reverse(name, args=[sweep.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def figure_of(client: Client, sweep: Sweep, theme: str = "light") -> dict[str, Any]:
    figure: dict[str, Any] = client.get(reverse("sweep-figure", args=[sweep.pk]), {"theme": theme}).json()
    return figure


def test_the_form_proposes_what_it_then_draws(client: Client, decision: Decision) -> None:
    form = client.get(reverse("new-sweep", args=[decision.pk])).context["form"]
    assert form.x.field and form.y.field and form.x.field != form.y.field
    answer = client.post(reverse("start-sweep", args=[decision.pk]), {"idempotency_key": "k"})
    sweep = Sweep.objects.get()
    assert answer["Location"] == reverse("sweep", args=[sweep.pk])
    assert (sweep.x_field, sweep.y_field) == (form.x.field, form.y.field)
    assert (
        client.post(reverse("start-sweep", args=[decision.pk]), {"idempotency_key": "k"})["Location"]
        == answer["Location"]
    )
    assert Sweep.objects.count() == 1


def test_an_address_with_values_shows_them_and_the_map_leads_back_to_them(client: Client, decision: Decision) -> None:
    sweep = a_sweep(decision.latest())
    query = client.get(reverse("sweep", args=[sweep.pk])).context["query"]
    form = client.get(f"{reverse('new-sweep', args=[decision.pk])}?{query}").context["form"]
    assert (form.x.field, form.x.low, form.x.high, form.x.steps) == ("processing.p95_s", "10", "80", "3")
    assert (form.y.field, form.y.low, form.y.high, form.jobs) == ("volume.mean_rate_per_s", "0.2", "1", "1000")
    assert form.query == query


def test_another_answer_brings_its_own_range_and_the_address_follows(htmx: Client, decision: Decision) -> None:
    given = {
        "x": "processing.p95_s",
        "x_was": "caller.deadline_s",
        "x_low": "1000",
        "x_high": "2000",
        "x_steps": "7",
        "y": "",
    }
    answer = htmx.get(reverse("new-sweep", args=[decision.pk]), given)
    form = answer.context["form"]
    assert (form.x.low, form.x.high, form.x.steps, form.y.field) == ("6.6", "41", "7", "")
    assert answer["HX-Replace-Url"].endswith(f"?{form.query}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x_low": "ten"}, "From must be a number"),
        ({"x_low": "9", "x_high": "3"}, "The low end (9) should be less than the high end (3)"),
        ({"x_steps": "1.5"}, "Steps must be a whole number"),
        ({"x_steps": "9" * 50}, "Steps"),
        ({"x_low": "1e400"}, "From"),
        ({"jobs": "3"}, "This should be 1,000 to 1,000,000 a cell, not 3."),
        ({"jobs": "<b>"}, "Jobs a cell must be a number"),
    ],
)
def test_an_error_is_shown_next_to_it_and_what_was_typed_stays(
    client: Client, decision: Decision, given: dict[str, str], words: str
) -> None:
    posted = {"x": "processing.p95_s", "y": "", "idempotency_key": "k"} | given
    answer = client.post(reverse("start-sweep", args=[decision.pk]), posted)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert words in page
    assert 'aria-invalid="true"' in page
    assert "<b>" not in page
    assert Sweep.objects.count() == 0


def test_a_viewer_sees_the_form_and_cannot_press(
    client: Client, hosted: object, vera: User, decision: Decision
) -> None:
    client.force_login(vera)
    page = client.get(reverse("new-sweep", args=[decision.pk])).content.decode()
    assert "disabled" in page
    assert "Draw the map" not in page


def test_it_fills_in_and_asks_again_until_it_has_ended(client: Client, decision: Decision) -> None:
    sweep = filled(a_sweep(decision.latest()), 1)
    page = page_of(client, sweep, "sweep-progress")
    assert "3 of 6 cells" in page
    assert 'hx-trigger="every 1s"' in page
    assert "Cancel" in page
    assert "As a table" not in page
    ended(filled(sweep, 2))
    page = page_of(client, sweep, "sweep-progress")
    assert "Only event-driven meets the deadline everywhere on this map." in page
    assert "hx-trigger" not in page
    assert "As a table" in page


def test_a_cancelled_map_keeps_what_was_done(client: Client, decision: Decision) -> None:
    sweep = filled(a_sweep(decision.latest()), 1)
    assert client.post(reverse("cancel-sweep", args=[sweep.pk]))["Location"] == reverse("sweep", args=[sweep.pk])
    page = page_of(client, sweep)
    assert "Cancelled with 3 cells done; they are kept." in page
    assert "99.80 ± 0.10 %" in page


def test_a_map_that_stopped_says_why_as_text(client: Client, decision: Decision) -> None:
    sweep = ended(a_sweep(decision.latest()), SweepState.FAILED, "A cell could not be simulated: <b>oh</b>.")
    assert "The map stopped: A cell could not be simulated: &lt;b&gt;oh&lt;/b&gt;." in page_of(client, sweep)


def test_one_that_no_worker_takes_says_that_it_is_saved(client: Client, decision: Decision) -> None:
    sweep = a_sweep(decision.latest())
    Sweep.objects.update(created_at="2026-01-01T00:00:00Z")
    assert "Saved, will start: no worker has taken it yet." in page_of(client, sweep)


def test_the_drawing_has_a_letter_for_every_cell_that_is_done_and_marks_the_workload(
    client: Client, decision: Decision
) -> None:
    sweep = filled(a_sweep(decision.latest()), 1)
    drawn = figure_of(client, sweep)
    cells = drawn["data"][0]
    assert cells["text"] == [["E"] * 3, [""] * 3]
    assert cells["z"][1] == [None] * 3
    assert "Event-driven: 99.80 ± 0.10 %" in cells["customdata"][0][0]
    assert "this workload" in [note["text"] for note in drawn["layout"]["annotations"]]
    assert json.dumps(drawn) != json.dumps(figure_of(client, sweep, "dark"))


def test_a_design_that_grows_without_end_shows_no_share(client: Client, decision: Decision) -> None:
    sweep = ended(filled(a_sweep(decision.latest()), 2, synchronous=GROWS))
    assert "grows without end" in page_of(client, sweep)
    assert "Synchronous: grows without end" in json.dumps(figure_of(client, sweep))


def test_one_answer_alone_is_drawn_as_lines_with_intervals_and_what_is_asked(
    client: Client, decision: Decision
) -> None:
    sweep = a_sweep(decision.latest(), y_field="", y_low=None, y_high=None, y_steps=None, size=3)
    page = page_of(client, ended(filled(sweep, 1)))
    assert "Only event-driven meets the deadline everywhere on this map." in page
    named = {trace["name"]: trace for trace in figure_of(client, sweep)["data"] if "name" in trace}
    assert set(named) == {"synchronous", "event-driven", "asked for"}
    assert named["event-driven"]["y"] == pytest.approx([99.8] * 3)
    assert named["asked for"]["y"] == pytest.approx([99.0] * 3)


def test_a_workload_outside_the_map_is_named(client: Client, decision: Decision) -> None:
    inside = ended(filled(a_sweep(decision.latest()), 2))
    assert "The diamond is this workload." in page_of(client, inside)
    outside = ended(filled(a_sweep(decision.latest(), y_low=0.9), 2))
    assert "This workload itself lies outside these ranges." in page_of(client, outside)


def test_the_decision_leads_to_its_map(client: Client, decision: Decision) -> None:
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert reverse("new-sweep", args=[decision.pk]) in page
