"""The endpoint's own limits: what they admit and refuse, held against a count tick by tick."""

from random import Random

import pytest

from simulator.live.system.endpoint_limits import EndpointLimits
from simulator.scenario import Provider
from tests.live.fakes_ticks import PARTS, TICK_S, TickLimits, random_provider


@pytest.mark.parametrize("seed", range(60))
def test_they_admit_what_a_count_of_every_tick_admits(seed: int) -> None:
    draws = Random(seed)
    provider = random_provider(draws)
    limits, model = EndpointLimits(provider), TickLimits(provider)
    ends: dict[int, list[tuple[int, int, bool]]] = {}
    for tick in range(1500):
        model.tick()
        for tokens_in, tokens_out, refund in ends.pop(tick, []):
            limits.release(tokens_in, tokens_out, tick * TICK_S, refund=refund)
            model.release(tokens_in, tokens_out, refund=refund)
        if draws.random() < 0.3:
            tokens = draws.choice([0, 1, 50, 400, 1300]), draws.choice([0, 1, 50, 400])
            refusal = limits.admit(*tokens, tick * TICK_S, 1.0)
            assert (refusal is None) is model.admit(*tokens), (tick, refusal)
            if refusal is None:
                ends.setdefault(tick + draws.randint(1, 60), []).append((*tokens, draws.random() < 0.3))
    headers = limits.headers(tick * TICK_S, 1.0)
    for name, level in zip(("requests", "tokens", "output-tokens"), model.levels, strict=True):
        assert headers.get(f"x-ratelimit-remaining-{name}", str(max(0, level // PARTS))) == str(max(0, level // PARTS))


def test_who_comes_again_as_told_is_admitted_and_not_a_tick_before() -> None:
    for seed in range(40):
        draws = Random(seed)
        provider = random_provider(draws).model_copy(update={"max_concurrency": None})
        limits, now_s = EndpointLimits(provider), 0.0
        for _ in range(30):
            now_s += draws.random()
            tokens = draws.choice([0, 50, 400]), draws.choice([0, 50, 400])
            refusal = limits.admit(*tokens, now_s, 1.0)
            if refusal is not None:
                assert limits.admit(*tokens, now_s + refusal.retry_after_s - 0.001, 1.0) is not None
                now_s += refusal.retry_after_s
                assert limits.admit(*tokens, now_s, 1.0) is None


def test_a_call_may_come_early_by_the_allowance_and_no_more() -> None:
    """One request a second."""
    limits = EndpointLimits(Provider(requests_per_minute=60), early_s=0.25)
    assert limits.admit(0, 0, 0.0, 1.0) is None
    assert limits.admit(0, 0, 0.74, 1.0) is not None
    assert limits.admit(0, 0, 0.76, 1.0) is None
    assert limits.admit(0, 0, 1.74, 1.0) is not None
    assert limits.admit(0, 0, 1.76, 1.0) is None


def test_a_failed_call_burns_quota_only_where_the_scenario_says_so() -> None:
    for counts, remaining in ((True, 4), (False, 5)):
        limits = EndpointLimits(Provider(requests_per_minute=60, burst_requests=5, failed_calls_count=counts))
        assert limits.admit(0, 0, 10.0, 1.0) is None
        limits.release(0, 0, 10.0, refund=not counts)
        assert limits.headers(10.0, 1.0)["x-ratelimit-remaining-requests"] == str(remaining)
        assert limits.calls == 0


def test_a_bucket_lets_through_what_flows_in_and_no_more() -> None:
    """Ten a second with room for one: of calls every 50 ms, every second."""
    limits = EndpointLimits(Provider(requests_per_minute=600))
    passed = [limits.admit(0, 0, place * 0.05, 1.0) is None for place in range(40)]
    assert passed == [True, False] * 20


def test_a_call_of_more_tokens_than_the_bucket_holds_passes_when_it_is_full() -> None:
    limits = EndpointLimits(Provider(input_tokens_per_minute=600))
    assert limits.admit(1200, 0, 0.0, 1.0) is None
    refusal = limits.admit(1200, 0, 60.0, 1.0)
    assert refusal is not None
    assert refusal.retry_after_s == pytest.approx(60.0)
    assert limits.admit(1200, 0, 120.0, 1.0) is None


def test_a_refused_call_of_unpaced_callers_uses_up_what_there_is_of_a_quota() -> None:
    """600 tokens a minute, ten a second: a call of 500 leaves 100, one of 300 is refused and takes them, and 300 are there 30 s later."""
    for counts, wait_s in ((True, 30.0), (False, 20.0)):
        given = {"input_tokens_per_minute": 600, "pacing": "none", "failed_calls_count": counts}
        limits = EndpointLimits(Provider.model_validate(given))
        assert limits.admit(500, 0, 0.0, 0.0) is None
        refusal = limits.admit(300, 0, 0.0, 0.0)
        assert refusal is not None
        assert refusal.retry_after_s == pytest.approx(wait_s)
        assert limits.admit(300, 0, wait_s, 0.0) is None


def test_a_refusal_for_too_many_calls_at_once_does_not_say_when_to_come_again() -> None:
    limits = EndpointLimits(Provider(max_concurrency=1, pacing="none"))
    assert limits.admit(0, 0, 0.0, 0.0) is None
    refusal = limits.admit(0, 0, 0.0, 0.0)
    assert refusal is not None
    assert (refusal.what, refusal.retry_after_s) == ("concurrent requests", 0.0)


def test_other_tenants_have_their_share_of_each_quota() -> None:
    """Half of 120 a minute is one a second; three fourths of eight a day are used."""
    limits = EndpointLimits(Provider(requests_per_minute=120, others_percent=50))
    passed = [limits.admit(0, 0, place * 0.5, 0.0) is None for place in range(8)]
    assert passed == [True, False] * 4
    daily = EndpointLimits(Provider(requests_per_day=8, others_percent=75))
    assert [daily.admit(0, 0, 3600.0 * hour, 0.0) is None for hour in range(4)] == [True, True, False, False]


def test_a_quota_of_the_day_is_whole_again_on_the_next() -> None:
    limits = EndpointLimits(Provider(requests_per_day=2))
    assert [limits.admit(0, 0, at_s, 0.0) is None for at_s in (100.0, 200.0, 400.0)] == [True, True, False]
    refusal = limits.admit(0, 0, 400.0, 0.0)
    assert refusal is not None
    assert refusal.retry_after_s == 86_000.0
    assert limits.admit(0, 0, 86_400.0, 0.0) is None
