"""Undo and redo of answers."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from advisor.advice.answers import Answers
from advisor.decisions import stored
from advisor.decisions.models import Decision, Step
from advisor.decisions.services.recordings import delete_trace
from advisor.decisions.services.revisions import UNDO_LIMIT, freeze_revision, save_answers, use_trace
from advisor.teams.models import User
from tests.rows import upload_trace

AT_ONCE = timedelta(0)


def post(client: Client, decision: Decision, to: str, **fields: Any) -> str:
    decision.refresh_from_db()
    answer = client.post(reverse(to, args=[decision.pk]), {"version": str(decision.draft_version)} | fields)
    assert answer.status_code == 200
    return answer.content.decode()


def typed(client: Client, decision: Decision, path: str, text: str, after: timedelta = timedelta(hours=1)) -> str:
    """A change so long after the one before."""
    Step.objects.update(changed_at=timezone.now() - after)
    return post(client, decision, "save-answers", **{path: text})


def p95(decision: Decision) -> float:
    return decision.latest().answers.processing.p95_s


def test_several_steps_back_and_forward(htmx: Client, decision: Decision) -> None:
    for text in ("30", "40", "15 to 50"):
        typed(htmx, decision, "processing.p95_s", text)
    page = post(htmx, decision, "undo-answers")
    assert p95(decision) == 40
    assert 'name="processing.p95_s"' in page, "the field is shown anew"
    post(htmx, decision, "undo-answers")
    post(htmx, decision, "undo-answers")
    assert p95(decision) == 20
    post(htmx, decision, "redo-answers")
    assert p95(decision) == 30
    post(htmx, decision, "redo-answers")
    post(htmx, decision, "redo-answers")
    assert decision.latest().answers.uncertain["processing.p95_s"].high == 50, "a range comes back as a range"


def test_nothing_to_undo_changes_nothing(htmx: Client, decision: Decision) -> None:
    before = decision.latest().answers
    post(htmx, decision, "undo-answers")
    post(htmx, decision, "redo-answers")
    assert decision.latest().answers == before


def test_a_new_change_leaves_nothing_to_redo(htmx: Client, decision: Decision) -> None:
    typed(htmx, decision, "processing.p95_s", "30")
    post(htmx, decision, "undo-answers")
    typed(htmx, decision, "processing.p95_s", "50")
    post(htmx, decision, "redo-answers")
    assert p95(decision) == 50


def test_a_number_typed_digit_by_digit_is_one_step(htmx: Client, decision: Decision) -> None:
    typed(htmx, decision, "volume.peak_to_mean", "4")
    for text in ("30", "300", "3000"):
        typed(htmx, decision, "processing.p95_s", text, after=AT_ONCE)
    post(htmx, decision, "undo-answers")
    assert p95(decision) == 20
    assert decision.latest().answers.volume.peak_to_mean == 4


def test_a_change_after_undo_or_redo_is_a_step_of_its_own(htmx: Client, decision: Decision) -> None:
    post(htmx, decision, "save-answers", **{"processing.p95_s": "30"})
    post(htmx, decision, "save-answers", **{"volume.peak_to_mean": "4"})
    post(htmx, decision, "undo-answers")
    post(htmx, decision, "save-answers", **{"processing.p95_s": "40"})
    post(htmx, decision, "undo-answers")
    assert p95(decision) == 30
    post(htmx, decision, "redo-answers")
    post(htmx, decision, "save-answers", **{"processing.p95_s": "50"})
    post(htmx, decision, "undo-answers")
    assert p95(decision) == 40


def test_typed_away_and_back_again_is_no_step(htmx: Client, decision: Decision) -> None:
    typed(htmx, decision, "volume.peak_to_mean", "4")
    typed(htmx, decision, "processing.p95_s", "30", after=AT_ONCE)
    typed(htmx, decision, "processing.p95_s", "20", after=AT_ONCE)
    post(htmx, decision, "undo-answers")
    assert decision.latest().answers.volume.peak_to_mean == 8


def test_text_that_was_never_an_answer_gives_way(htmx: Client, decision: Decision) -> None:
    typed(htmx, decision, "processing.p95_s", "30")
    page = post(htmx, decision, "undo-answers", **{"synchronous.workers": "many"})
    assert 'name="synchronous.workers"' in page
    assert 'value="many"' not in page


def test_what_was_typed_and_not_saved_is_what_undo_takes_back(htmx: Client, decision: Decision) -> None:
    typed(htmx, decision, "volume.peak_to_mean", "4")
    post(htmx, decision, "undo-answers", **{"processing.p95_s": "30"})
    assert p95(decision) == 20
    assert decision.latest().answers.volume.peak_to_mean == 4
    post(htmx, decision, "redo-answers")
    assert p95(decision) == 30


@pytest.mark.parametrize(
    "wrong",
    [{"synchronous.workers": "many"}, {"operations.min_workers": "90"}, {"priorities.urgent.share_percent": "99"}],
)
def test_undo_takes_back_what_is_no_answer_alone_and_saves_what_was_typed_with_it(
    htmx: Client, decision: Decision, wrong: dict[str, str]
) -> None:
    typed(htmx, decision, "volume.peak_to_mean", "4")
    before = decision.latest().answers
    page = post(htmx, decision, "undo-answers", **wrong, **{"processing.p95_s": "30"})
    after = decision.latest().answers
    assert (after.processing.p95_s, after.volume.peak_to_mean) == (30, 4)
    assert (after.synchronous, after.operations, after.priorities) == (
        before.synchronous, before.operations, before.priorities
    )  # fmt: skip
    assert f'name="{next(iter(wrong))}"' in page, "the field is shown anew"


def test_a_frozen_revision_keeps_its_answers(htmx: Client, decision: Decision) -> None:
    typed(htmx, decision, "processing.p95_s", "30")
    freeze_revision(decision.latest())
    post(htmx, decision, "undo-answers")
    assert [revision.answers.processing.p95_s for revision in decision.revisions.all()] == [30, 20]


def test_another_users_change_is_not_undone_unseen(htmx: Client, user: User, decision: Decision) -> None:
    save_answers(decision, {"processing": {"p95_s": 44}}, user, 1)
    answer = htmx.post(reverse("undo-answers", args=[decision.pk]), {"version": "1"})
    assert answer.status_code == 409
    assert p95(decision) == 44


@pytest.mark.parametrize(("meanwhile", "status"), [(1, 302), (2, 302), (3, 409)])
def test_a_page_that_is_left_saves_past_the_one_request_that_was_under_way(
    client: Client, user: User, decision: Decision, meanwhile: int, status: int
) -> None:
    for number in range(meanwhile):
        save_answers(decision, {"processing": {"p95_s": 41 + number}}, user, 1 + number)
    fields = {"version": "1", "volume.peak_to_mean": "3"}
    assert client.post(reverse("save-answers", args=[decision.pk]), fields).status_code == 409
    assert client.post(reverse("save-answers", args=[decision.pk]), fields | {"under_way": ""}).status_code == status
    saved = decision.latest().answers
    assert (saved.processing.p95_s, saved.volume.peak_to_mean) == (40 + meanwhile, 3 if status == 302 else 8)


def test_the_way_back_has_an_end(htmx: Client, decision: Decision) -> None:
    answers = decision.latest().answers.model_dump(mode="json", by_alias=True)
    now = timezone.now()
    for number in range(UNDO_LIMIT):
        then = Answers.parse(answers | {"processing": answers["processing"] | {"p95_s": 30 + number}})
        Step.objects.create(decision=decision, direction="undo", answers_json=stored.dump(then), changed_at=now)
    for text in ("8000", "9000"):
        typed(htmx, decision, "processing.p95_s", text)
    assert Step.objects.count() == UNDO_LIMIT
    oldest = Step.objects.earliest("id")
    Step.objects.exclude(pk=oldest.pk).delete()
    for _ in range(3):
        post(htmx, decision, "undo-answers")
    assert p95(decision) == 32


def test_without_javascript_undo_leads_back_to_the_page(client: Client, decision: Decision, user: User) -> None:
    save_answers(decision, {"processing": {"p95_s": 44}}, user, 1)
    page = client.get(reverse("decision", args=[decision.pk])).content.decode()
    assert "Undo: “How long does the slowest one in twenty take?”" in page
    answer = client.post(reverse("undo-answers", args=[decision.pk]), {"version": "2"})
    assert answer["Location"] == reverse("decision", args=[decision.pk])
    assert p95(decision) == 20


@pytest.fixture
def came_back_without(decision: Decision, user: User) -> Decision:
    """A decision whose undo leads to answers that went by a recording which is deleted now."""
    trace = upload_trace(decision.workspace, user, "a.csv", [b"time_s\n" + b"".join(b"%d\n" % n for n in range(900))])
    use_trace(decision, trace, user, decision.draft_version)
    save_answers(decision, {"processing": {"p95_s": 44}}, user, decision.draft_version)
    delete_trace(trace, user)
    return decision


def test_answers_that_come_back_without_their_recording_say_so(htmx: Client, came_back_without: Decision) -> None:
    assert "has been deleted since" in post(htmx, came_back_without, "undo-answers")
    assert "has been deleted since" not in typed(htmx, came_back_without, "processing.p95_s", "30"), "said once"


def test_so_they_do_without_javascript(client: Client, came_back_without: Decision) -> None:
    version = {"version": str(came_back_without.draft_version)}
    shown = client.post(reverse("undo-answers", args=[came_back_without.pk]), version, follow=True)
    assert "has been deleted since" in shown.content.decode()


@pytest.mark.parametrize("address", ["undo-answers", "redo-answers", "save-answers", "forget-trace"])
def test_a_change_looks_the_library_up_once(htmx: Client, decision: Decision, address: str) -> None:
    typed(htmx, decision, "processing.p95_s", "30")
    if address == "redo-answers":
        post(htmx, decision, "undo-answers")
    with CaptureQueriesContext(connection) as asked:
        post(htmx, decision, address)
    assert sum('FROM "decisions_libraryentry"' in query["sql"] for query in asked) == 1
