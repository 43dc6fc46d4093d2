"""Flips: the nearest other value of each answer at which the advice changes."""

from collections.abc import Mapping
from typing import Any

import pytest

from advisor.advice.answers import answers_from
from advisor.advice.contract import Flip
from advisor.advice.evaluation import Evaluation
from advisor.advice.flips import find_flips
from advisor.advice.variations import changed
from core.paths import nested
from tests.rules_alone import advise_by_rules


def flips(differs: Mapping[str, Any], template: str = "document_extraction") -> dict[str, list[Flip]]:
    flips_by_path: dict[str, list[Flip]] = {}
    for flip in find_flips(Evaluation.from_answers(answers_from({"template": template, **nested(differs)}))):
        flips_by_path.setdefault(flip.field, []).append(flip)
    return flips_by_path


CLOSE = {"volume.peak_to_mean": 1.5, "processing.p50_s": 2.5, "processing.p95_s": 5.0}


def test_a_threshold_of_the_rules_is_found_as_it_is() -> None:
    """Of an even balance, 10 s tips it to event-driven, and 2 s makes it lean to synchronous."""
    (below, above) = sorted(flips(CLOSE)["processing.p95_s"], key=lambda flip: flip.to)
    assert above.from_ == 5
    assert above.to == 10
    assert above.becomes.style == "event_driven"
    assert below.to == pytest.approx(2, rel=1e-3)
    assert (below.becomes.style, below.becomes.strength) == ("synchronous", "lean")


def test_integers_are_exact() -> None:
    (more,) = flips(CLOSE)["subscribers.count"]
    assert (more.from_, more.to) == (1, 2)
    assert isinstance(more.to, int)


def test_choices_and_flags_take_any_other_value() -> None:
    kinds = {flip.to: flip.becomes.delivery for flip in flips({})["caller.kind"]}
    assert kinds == {"end_user": "sse", "nobody": "none"}
    (updates,) = flips({})["caller.wants_live_updates"]
    assert (updates.from_, updates.to, updates.becomes.delivery) == (False, True, "sse")


def test_a_limit_that_was_not_set_is_found_from_above() -> None:
    (within,) = flips({"caller.kind": "nobody", "volume.peak_to_mean": 1, "failures.max_retries": 0, "failures.dead_letter": False,
        "resilience.max_lost_jobs": 10_000})["caller.acknowledge_within_s"]  # fmt: skip
    assert within.from_ is None
    assert within.to == pytest.approx(29.5, rel=0.1)  # p99 of processing is 29.2 s
    assert within.becomes.strength == "clear"


def test_a_way_without_a_hop_is_tried() -> None:
    way = ["nginx", "aws_api_gateway_rest"]
    given = {"volume.peak_to_mean": 1, "processing.p95_s": 22, "synchronous.client_timeout_s": None}
    (hops,) = flips({**given, "synchronous.hops": way})["synchronous.hops"][:1]
    assert hops.from_ == way
    assert hops.to == ["nginx"]
    assert hops.becomes.strength == "lean"


def test_at_most_one_flip_a_direction() -> None:
    for template in ("document_extraction", "form_classification", "chat_assistant"):
        for path, nearest in flips({}, template).items():
            numbers = [flip for flip in nearest if isinstance(flip.to, int | float) and not isinstance(flip.to, bool)]
            assert len({flip.to > (flip.from_ or 0) for flip in numbers}) == len(numbers), path


def test_style_comes_first_and_the_nearest_before_the_farther() -> None:
    answers = answers_from({"template": "form_classification"})
    same = [
        flip.becomes.style == "synchronous" and flip.becomes.feasible
        for flip in find_flips(Evaluation.from_answers(answers))
    ]
    assert same == sorted(same)


def test_p50_moves_along_with_p95_and_the_other_shares_with_one() -> None:
    slower = changed(answers_from({}), "processing.p95_s", 40.0)
    assert slower.processing.p50_s == pytest.approx(16)
    shares = changed(answers_from({}), "priorities.urgent.share_percent", 55.0).priorities
    assert (shares.standard.share_percent, shares.batch.share_percent) == (pytest.approx(35), pytest.approx(10))


def test_a_close_call_names_what_would_settle_it() -> None:
    advice = advise_by_rules(answers_from(nested(CLOSE)))
    assert advice.strength == "close"
    assert advice.settle is not None
    assert next(flip for flip in advice.flips if flip.field == advice.settle).becomes.style != advice.style


def test_flips_are_left_out_where_they_are_not_wanted() -> None:
    assert advise_by_rules(answers_from({}), flips=False).flips == ()
