"""What a limit cuts if answers stream: by the wait of M/M/1 and the first byte, exactly."""

from math import exp

import pytest
from scipy.integrate import quad

from simulator.experiment import simulate
from simulator.plan import SYNCHRONOUS
from simulator.scenario import Scenario
from tests.theory.test_simulator_theory import exponential, inside, poisson, tallies

RATE, MEAN_S, FIRST_S, LIMIT_S = 0.7, 1.0, 0.8, 4.0


def share_without_first_byte() -> float:
    """Of M/M/1, first come first served: the wait is W, P(W > x) = rho exp(-(mu - lambda) x), and the byte comes after W + min(first, S)."""
    rho, relaxes = RATE * MEAN_S, 1 / MEAN_S - RATE

    def late(byte_s: float) -> float:
        return rho * exp(-relaxes * (LIMIT_S - byte_s))

    short, _ = quad(lambda s: exp(-s / MEAN_S) / MEAN_S * late(s), 0, FIRST_S)
    return short + exp(-FIRST_S / MEAN_S) * late(FIRST_S)


def timed_out_shares(**synchronous: object) -> list[float]:
    simulated = tallies(
        2_400_000,
        arrivals=poisson(RATE),
        service=exponential(MEAN_S),
        first_token_s=FIRST_S,
        warmup_jobs=1000,
        synchronous={"workers": 1, "streams_response": True, **synchronous},
    )
    return [tally.counts["timed_out"] / tally.counts["offered"] for tally in simulated[SYNCHRONOUS]]


@pytest.mark.parametrize(
    "limit",
    [{"client_timeout_s": LIMIT_S}, {"hops": [{"name": "proxy", "limit_s": LIMIT_S, "kind": "idle"}]}],
    ids=["client", "idle hop"],
)
def test_a_stream_is_cut_if_its_first_byte_is_late(limit: dict[str, object]) -> None:
    inside(timed_out_shares(**limit), share_without_first_byte(), 0.05)


def test_a_total_limit_cuts_a_stream_that_has_begun() -> None:
    """The time in M/M/1 is exponential: P(T > x) = exp(-(mu - lambda) x). The client's own limit, which none reaches, does not count."""
    total = {"hops": [{"name": "router", "limit_s": LIMIT_S, "kind": "total"}], "client_timeout_s": 1000}
    inside(timed_out_shares(**total), exp(-(1 / MEAN_S - RATE) * LIMIT_S), 0.05)


def steady(first_token_s: float | None, **synchronous: object) -> Scenario:
    return Scenario.parse(
        {
            "jobs": 200,
            "arrivals": {"process": "regular", "rate_per_s": 0.1},
            "service": {"distribution": "deterministic", "mean_s": 30},
            "first_token_s": first_token_s,
            "synchronous": {"workers": 10, "streams_response": True, **synchronous},
        }
    )


@pytest.mark.parametrize(
    ("first_token_s", "synchronous", "timed_out"),
    [
        (1, {"client_timeout_s": 20}, 0),
        (19.9, {"client_timeout_s": 20}, 0),
        (20.1, {"client_timeout_s": 20}, 200),
        (None, {"client_timeout_s": 20}, 200),
        (1, {"client_timeout_s": 20, "streams_response": False}, 200),
        (1, {"hops": [{"name": "proxy", "limit_s": 20, "kind": "idle"}]}, 0),
        (25, {"hops": [{"name": "proxy", "limit_s": 20, "kind": "idle"}]}, 200),
        (1, {"hops": [{"name": "proxy", "limit_s": 20, "kind": "total"}]}, 200),
        (1, {"client_timeout_s": 5, "hops": [{"name": "proxy", "limit_s": 29, "kind": "total"}]}, 200),
        (1, {"client_timeout_s": 5, "hops": [{"name": "proxy", "limit_s": 31, "kind": "total"}]}, 0),
    ],
)
def test_which_limit_a_stream_of_half_a_minute_meets(
    first_token_s: float | None, synchronous: dict[str, object], timed_out: int
) -> None:
    result = simulate(steady(first_token_s, **synchronous), replications=1).synchronous
    assert (result.timed_out, result.completed) == (timed_out, 200 - timed_out)
