"""What must hold for all answers that the schema allows."""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from advisor.advice import library
from advisor.advice.answer_vectors import vectors_of
from advisor.advice.answers import LEAVES, Answers, answers_from
from advisor.advice.contract import FlipOutcome, Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.fields import Leaf
from advisor.advice.scenario import scenario_of
from advisor.advice.templates import TEMPLATES
from advisor.advice.variations import changed, reach, starting_number
from advisor.reports.document.answers import flip_condition
from core.paths import nested, value_at
from simulator.lognormal import Lognormal
from simulator.scenario import Scenario
from tests.rules_alone import advise_by_rules

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
THOROUGH = settings(QUICK, max_examples=1500, derandomize=False)

ORDERED = (
    ("processing.p50_s", "processing.p95_s"),
    ("failures.backoff_base_s", "failures.backoff_cap_s"),
    ("operations.min_workers", "operations.max_workers"),
    ("processing.measured_in_flight", "processing.high_in_flight"),
    *((f"priorities.{name}.p50_s", f"priorities.{name}.p95_s") for name in ("urgent", "standard", "batch")),
)


def values(leaf: Leaf) -> st.SearchStrategy[Any]:
    match leaf.kind:
        case "flag":
            plain: st.SearchStrategy[Any] = st.booleans()
        case "choice":
            plain = st.sampled_from(leaf.choices)
        case "integer":
            plain = st.integers(int(leaf.low or 0), int(leaf.high or 0)) | st.integers(
                int(leaf.low or 0), min(20, int(leaf.high or 0))
            )
        case "number":
            low, high = leaf.low or 0.0, leaf.high or 0.0
            scale = st.floats(math.log(max(low, 1e-6)), math.log(high)).map(math.exp)
            plain = (scale | st.floats(low, high)).map(lambda value: min(high, max(low, value)))
        case _:
            raise TypeError(leaf.path)
    return st.none() | plain if leaf.nullable else plain


IN_FLIGHT = ("processing.measured_in_flight", "processing.high_in_flight")


@st.composite
def answers(draw: st.DrawFn) -> Answers:
    template = draw(st.sampled_from(list(TEMPLATES)))
    fields = [
        leaf
        for leaf in LEAVES.values()
        if leaf.kind not in ("text", "list") and leaf.path != "schema" and "share_" not in leaf.path
    ]
    chosen = draw(st.lists(st.sampled_from(fields), max_size=25, unique_by=lambda leaf: leaf.path))
    flat: dict[str, Any] = {leaf.path: draw(values(leaf)) for leaf in chosen}
    flat["synchronous.hops"] = draw(st.lists(st.sampled_from(list(library.hops())), max_size=3))
    flat["failures.retry_intervals_s"] = draw(
        st.none() | st.lists(st.floats(0, 100) | st.floats(0, 31_536_000), min_size=1, max_size=20)
    )
    flat["provider.share_percent"] = draw(st.floats(0.01, 100))
    defaults = library.sheets()[template].defaults
    for low, high in ORDERED:
        least, most = flat.get(low, defaults[low].value), flat.get(high, defaults[high].value)
        if least is not None and most is not None and least > most:
            flat[low], flat[high] = most, least
    few, many = (flat.get(path, defaults[path].value) for path in IN_FLIGHT)
    if few == many:
        flat["processing.high_mean_s"] = None
    p95 = flat.get("processing.p95_s", max(defaults["processing.p95_s"].value, flat.get("processing.p50_s", 0)))
    flat["processing.p95_s"] = p95
    flat["processing.p99_s"] = draw(st.none() | st.floats(1, 3).map(lambda factor: max(p95, min(3.1e7, p95 * factor))))
    drop_times_too_steep(flat, defaults)
    time_share = flat.get("volume.peak_minutes", 15) * flat.get("volume.peaks_per_day", 1) / 1440
    flat["volume.peak_minutes"], flat["volume.peaks_per_day"] = (
        flat.get("volume.peak_minutes", 15),
        flat.get("volume.peaks_per_day", 1),
    )
    flat["volume.peak_to_mean"] = max(1.0, min(flat.get("volume.peak_to_mean", 3), 1 / max(time_share, 1e-9)))
    return answers_from({"template": template, **nested(flat)})


def drop_times_too_steep(flat: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    """A line through both measurements must leave a call alone some time."""
    few, many = (flat.get(path, defaults[path].value) for path in IN_FLIGHT)
    p50_s, p95_s, p99_s, high_mean_s = (
        flat.get(path, defaults[path].value)
        for path in (f"processing.{name}" for name in ("p50_s", "p95_s", "p99_s", "high_mean_s"))
    )
    if high_mean_s is None or few is None or many is None or few == 1:
        return
    if high_mean_s >= Lognormal.through(p50_s, p95_s, p99_s).mean_s * (many - 1) / (few - 1):
        flat["processing.high_mean_s"] = None


def require_sound(advice: Recommendation) -> None:
    assert -1 <= advice.score <= 1
    text = json.dumps(advice.model_dump(mode="json"), allow_nan=False)
    assert Recommendation.parse(json.loads(text)) == advice
    if advice.style == "synchronous":
        assert advice.delivery.method in ("inline", "websocket")  # both ways take a connection, whatever the style
        assert advice.queues == ()
    else:
        assert advice.delivery.method != "inline" or advice.style == "hybrid"
        assert advice.queues
    if advice.style != "hybrid":
        assert (advice.score > 0) == (advice.style == "event_driven")
        assert advice.strength == (
            "clear" if abs(advice.score) >= 0.5 else "lean" if abs(advice.score) >= 0.15 else "close"
        )
    assert advice.feasible == (len(advice.infeasible) < 3)
    assert all(reason.evidence and reason.source for reason in advice.reasons)


@QUICK
@given(answers())
def test_advice_is_total_and_keeps_its_contract(given_answers: Answers) -> None:
    advice = advise_by_rules(given_answers, flips=False)
    require_sound(advice)
    scenario = scenario_of(Evaluation.from_answers(given_answers))
    assert scenario.event_driven.consumers >= scenario.synchronous.workers
    require_one_number_of_retries(given_answers, advice, scenario)


def require_one_number_of_retries(given_answers: Answers, advice: Recommendation, scenario: Scenario) -> None:
    plan, simulated = advice.retries, scenario.retries
    assert (simulated.max, simulated.base_s, simulated.cap_s) == (plan.max, plan.base_s, plan.cap_s)
    assert simulated.jitter == plan.jitter
    texts = [plan.why, *(reason.evidence for reason in advice.reasons), *(warning.text for warning in advice.warnings)]
    numbers = {int(number) for text in texts for number in re.findall(r"(\d+) retr(?:y|ies)", text)}
    assert numbers <= {plan.max} == {given_answers.failures.max_retries}


def require_same_advice(given_answers: Answers) -> None:
    assert advise_by_rules(given_answers) == advise_by_rules(answers_from(given_answers.model_dump()))


@settings(QUICK, max_examples=15)
@given(answers())
def test_the_same_answers_get_the_same_advice(given_answers: Answers) -> None:
    require_same_advice(given_answers)


def score(given_answers: Answers) -> float:
    advice = advise_by_rules(given_answers, flips=False)
    assume(advice.feasible)
    return advice.score


def given_with(base: Answers, flat: dict[str, Any]) -> Answers:
    data = base.model_dump()
    for path, value in flat.items():
        *parents, last = path.split(".")
        branch = data
        for parent in parents:
            branch = branch[parent]
        branch[last] = value
    return answers_from(data)


@QUICK
@given(answers(), st.floats(1, 100))
def test_longer_processing_never_speaks_for_synchronous(base: Answers, factor: float) -> None:
    time = base.processing
    assume(time.p95_s * factor < 1e7 and time.p95_s / time.p50_s < 20)
    scaled = {
        f"processing.{name}": getattr(time, name) * factor
        for name in ("p50_s", "p95_s", "p99_s")
        if getattr(time, name) is not None
    }
    longer = given_with(base, scaled)
    assert score(longer) >= score(base) - 1e-9


@QUICK
@given(answers(), st.integers(1, 100))
def test_more_subscribers_never_speak_for_synchronous(base: Answers, more: int) -> None:
    assume(more > base.subscribers.count)
    assert score(given_with(base, {"subscribers.count": more})) >= score(base) - 1e-9


@QUICK
@given(answers(), st.floats(0, 1), st.sampled_from(["volume.peak_to_mean", "volume.interarrival_cv"]))
def test_a_burstier_load_never_speaks_for_synchronous(base: Answers, part: float, path: str) -> None:
    _, most = reach(path, vectors_of(base))
    now = value_at(base, path)
    assume(most > now)
    assert score(given_with(base, {path: now + part * (most - now)})) >= score(base) - 1e-9


@QUICK
@given(answers(), st.floats(0.01, 1))
def test_a_faster_deadline_never_moves_delivery_towards_polling(base: Answers, factor: float) -> None:
    deadline = base.caller.deadline_s or 1e6
    before = advise_by_rules(given_with(base, {"caller.deadline_s": deadline}), flips=False).delivery.method
    after = advise_by_rules(
        given_with(base, {"caller.deadline_s": max(0.001, deadline * factor)}), flips=False
    ).delivery.method
    assert after != "polling" or before == "polling"


def outcome(advice: Recommendation) -> FlipOutcome:
    return FlipOutcome(
        style=advice.style, strength=advice.strength, delivery=advice.delivery.method, feasible=advice.feasible
    )


def differs(one: FlipOutcome, other: FlipOutcome) -> bool:
    """What is not feasible is one and the same, whatever the forces favour."""
    return one.feasible != other.feasible or (one.feasible and one != other)


def require_real_flips(base: Answers) -> None:
    now = outcome(advise_by_rules(base, flips=False))
    for flip in advise_by_rules(base).flips:
        there = outcome(advise_by_rules(changed(base, flip.field, flip.to), flips=False))
        assert there == flip.becomes, flip
        assert differs(there, now), flip
        if not LEAVES[flip.field].numeric:
            continue
        start = starting_number(flip.field, base)
        assert flip_condition(flip, base).endswith(
            "less" if 0 < flip.to < start else "more" if flip.to > start else ""
        ), flip
        last = just_before(flip.field, start, flip.to)
        between = [start + part * (last - start) for part in (0.5, 0.9)] if math.isfinite(start) else []
        for value in (*(round(one) if LEAVES[flip.field].kind == "integer" else one for one in between), last):
            if value != start and value <= (LEAVES[flip.field].high or math.inf):  # an empty answer means its start
                assert not differs(outcome(advise_by_rules(changed(base, flip.field, value), flips=False)), now), (
                    flip,
                    value,
                )


def just_before(path: str, start: float, to: float) -> float:
    if LEAVES[path].kind == "integer":
        return int(to) - (1 if to > start else -1)
    if start == 0 and to <= 1.001e-3:
        return LEAVES[path].low or 0.0
    step = 1e-3 * to if to else 1e-3
    return max(start, to - step) if to > start else min(start, to + step)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_flip_of_every_template_is_real(name: str) -> None:
    require_real_flips(TEMPLATES[name].answers)


@settings(QUICK, max_examples=15)
@given(answers())
def test_every_flip_is_real(base: Answers) -> None:
    require_real_flips(base)


@QUICK
@given(answers(), st.sampled_from([leaf for leaf in LEAVES.values() if leaf.numeric and "share_" not in leaf.path]))
def test_the_probabilities_of_an_unknown_answer_are_whole(base: Answers, leaf: Leaf) -> None:
    advice = advise_by_rules(given_with(base, {leaf.path: {"unknown": True}}), flips=False)
    assert advice.probability is not None
    assert sum(advice.probability.values()) == pytest.approx(1)
    assert advice.settle in (None, leaf.path)


@pytest.mark.full
@THOROUGH
@given(answers())
def test_advice_is_total_over_thousands(given_answers: Answers) -> None:
    require_sound(advise_by_rules(given_answers, flips=False))


@pytest.mark.full
@settings(THOROUGH, max_examples=300)
@given(answers())
def test_the_same_hundreds_of_answers_get_the_same_advice(given_answers: Answers) -> None:
    require_same_advice(given_answers)


@pytest.mark.full
@settings(THOROUGH, max_examples=300)
@given(answers())
def test_every_flip_of_hundreds_is_real(base: Answers) -> None:
    require_real_flips(base)
