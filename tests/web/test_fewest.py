"""The pages of a search for the fewest workers or consumers."""

import pytest
from django.test import Client
from django.urls import reverse

from advisor.decisions.jobs import run_part, tasks
from advisor.decisions.models import Decision, Sweep, SweepState
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.sweeps import request_fewest
from advisor.teams.models import User, Workspace


@pytest.fixture
def search(workspace: Workspace, user: User, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)
    decision = create_decision(workspace, user, {"template": "chat_assistant", "volume": {"peak_to_mean": 1}})
    return request_fewest(decision.latest(), user, "a-key", jobs=2_000)


def page(client: Client, name: str, search: Sweep) -> str:
    answer = client.get(reverse(name, args=[search.pk]))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_asks_again_until_it_has_ended_and_then_says_what_each_design_needs(
    client: Client, search: Sweep
) -> None:
    assert 'hx-trigger="every 1s"' in page(client, "fewest", search)
    run_part(str(search.parts.get().pk))
    ended = page(client, "fewest-progress", search)
    assert "hx-trigger" not in ended
    assert "Synchronous needs" in ended
    assert "Synchronous meets the deadline from" in ended
    assert "Event-driven meets the deadline from" in ended
    assert '<th scope="row">' in ended


def test_pressing_twice_is_one_search_and_it_is_listed_where_it_was_begun(client: Client, decision: Decision) -> None:
    start = reverse("start-fewest", args=[decision.pk])
    first, second = (client.post(start, {"idempotency_key": "k"}) for _ in range(2))
    assert first["Location"] == second["Location"] == reverse("fewest", args=[Sweep.objects.get().pk])
    assert first["Location"] in client.get(reverse("new-sweep", args=[decision.pk])).content.decode()


def test_a_cancelled_search_says_so_and_asks_no_more(client: Client, search: Sweep) -> None:
    client.post(reverse("cancel-fewest", args=[search.pk]))
    assert Sweep.objects.get().state == SweepState.CANCELLED
    shown = page(client, "fewest", search)
    assert "Search cancelled" in shown and "hx-trigger" not in shown


def test_without_a_deadline_the_search_is_refused_with_a_sentence(
    client: Client, workspace: Workspace, user: User
) -> None:
    nobody = create_decision(workspace, user, {"caller": {"kind": "nobody", "deadline_s": None}})
    answer = client.post(reverse("start-fewest", args=[nobody.pk]), {"idempotency_key": "k"})
    assert answer.status_code == 422
    assert "Give a deadline first" in answer.content.decode()


def test_a_search_is_no_map_and_a_map_no_search(client: Client, search: Sweep) -> None:
    assert client.get(reverse("sweep", args=[search.pk])).status_code == 404
    Sweep.objects.update(kind="map")
    assert client.get(reverse("fewest", args=[search.pk])).status_code == 404
