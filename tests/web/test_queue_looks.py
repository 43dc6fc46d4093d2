"""The page From a running queue: addresses are chosen by name, and what a worker has seen becomes answers."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pydantic import SecretStr

from advisor.configuration import Configuration
from advisor.decisions.models import Decision, QueueLook

SEEN = {
    "queues": [["mine", [["arrivals", "134, 22.3 /s"], ["needed", "3 workers"]]]],
    "source": "rq (mine)",
    "values": {"volume.mean_rate_per_s": 22.3, "operations.broker": "rq", "failures.max_retries": 2},
}


@pytest.fixture
def production(settings: Any) -> None:
    named = SecretStr("production=redis://:a-secret@10.0.0.7:6379/0 staging=rediss://b:1/0")
    settings.CONFIGURATION = settings.CONFIGURATION.model_copy(update={"observable_redis": named})


def page(client: Client, decision: Decision) -> str:
    return " ".join(client.get(reverse("running-queue", args=[decision.pk])).content.decode().split())


def begin(client: Client, decision: Decision, **given: str) -> int:
    fields = {"broker": "production", "queues": "mine", "seconds": "60", "wait_s": "10"} | given
    return client.post(reverse("look-at-queue", args=[decision.pk]), fields).status_code


def test_without_an_allowed_address_the_page_says_who_allows_one(client: Client, decision: Decision) -> None:
    assert "An administrator allows some by CROSSOVER_OBSERVABLE_REDIS" in page(client, decision)
    assert begin(client, decision) == 422 and not QueueLook.objects.exists()


@pytest.mark.usefixtures("production")
def test_addresses_are_chosen_by_name_and_never_shown_or_taken(client: Client, decision: Decision) -> None:
    shown = page(client, decision)
    assert "production" in shown and "staging" in shown and "10.0.0.7" not in shown and "a-secret" not in shown
    for broker in ("redis://169.254.169.254:80/0", "10.0.0.7", "", "Production"):
        assert begin(client, decision, broker=broker) == 422
    assert not QueueLook.objects.exists()


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("wrong", [{"seconds": "3600"}, {"seconds": "long"}, {"wait_s": "0"}, {"queues": "q," * 300}])
def test_a_look_is_bounded(wrong: dict[str, str], client: Client, decision: Decision) -> None:
    assert begin(client, decision, **wrong) == 422 and not QueueLook.objects.exists()


@pytest.mark.usefixtures("production")
def test_a_decision_has_one_look_under_way(client: Client, decision: Decision) -> None:
    assert begin(client, decision) == begin(client, decision) == 302
    assert QueueLook.objects.count() == 1
    assert 'hx-trigger="every 1s"' in page(client, decision)
    QueueLook.objects.update(seen_at=timezone.now() - timedelta(minutes=2))
    shown = page(client, decision)
    assert "was cut short" in shown and "hx-trigger" not in shown
    assert begin(client, decision) == 302 and QueueLook.objects.count() == 2


@pytest.mark.usefixtures("production")
def test_what_was_seen_becomes_answers(client: Client, decision: Decision) -> None:
    begin(client, decision)
    QueueLook.objects.update(result=SEEN, finished_at=timezone.now())
    shown = page(client, decision)
    assert "134, 22.3 /s" in shown and "3 workers" in shown
    taken = {"offered": "1", "take": ["volume.mean_rate_per_s", "operations.broker"]}
    assert client.post(reverse("take-seen-answers", args=[decision.pk]), taken).status_code == 302
    answers = decision.latest().answers
    assert (answers.volume.mean_rate_per_s, answers.operations.broker) == (22.3, "rq")
    source = answers.source_of("volume.mean_rate_per_s")
    assert source is not None and source.text == "rq (mine)"
    assert answers.source_of("failures.max_retries") is None


@pytest.mark.parametrize("text", ["redis://a:1/0", "a=http://b/", "a b=redis://c", "ä=redis://c:1/0"])
def test_an_address_without_a_name_is_refused_without_its_words(text: str) -> None:
    with pytest.raises(ValueError, match="should be NAME=URL") as refused:
        Configuration(mode="local", observable_redis=SecretStr(text))
    assert text not in str(refused.value)
