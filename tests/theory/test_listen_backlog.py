"""A listen backlog that drops connections: instants by hand, a model of its own, and nothing changed for a backlog that refuses."""

import heapq
import os
import random
from collections import deque
from typing import Any

import numpy as np
import pytest

from simulator.experiment import simulate
from simulator.kernel import layout
from simulator.kernel.layout import EVENT, SLOT
from simulator.memory import memory_bytes
from simulator.plan import SYNCHRONOUS, build_state, recorded_of
from simulator.replications import LOOPS, Runner
from simulator.scenario import Scenario
from simulator.statistics import half_width
from simulator.tally import MIDDLES_S
from simulator.traces import Trace


def started(given: dict[str, Any], arrivals_s: list[float] | None = None) -> Any:
    """A replication of the synchronous design before its first event."""
    trace = None if arrivals_s is None else Trace(np.array(arrivals_s))
    arrivals = {} if trace is None else {"arrivals": {"process": "trace", "trace": "by hand"}}
    scenario = Scenario.parse(given | arrivals)
    return build_state(scenario, SYNCHRONOUS, 0, trace=trace, drawn=None, rows=recorded_of(trace, None), drains=True)


def by_hand(arrivals_s: list[float], service_s: float, **synchronous: Any) -> tuple[list[float], Any]:
    """When jobs ended, in order, and the machine once its one worker is idle again. (A last arrival gives the trace a length.)."""
    given = {"service": {"distribution": "deterministic", "mean_s": service_s}}
    design = {"workers": 1, "overflow": "drop", **synchronous}
    state = started(given | {"synchronous": design}, [*arrivals_s, 10_000.0])
    m, ends = state.machine[0], []
    while m["next_job"] < len(arrivals_s) or m["in_system"] or not m["idle"]:
        assert LOOPS[SYNCHRONOUS](state.machine, 1) == layout.MORE
        ended = int(m["next_job"]) - int(m["in_system"]) - len(ends)
        ends += [float(m["now"])] * ended
    assert not m["near"], "a SYN of a client that has gone is planned"
    return ends, m


def counts(m: Any) -> dict[str, int]:
    places = {
        "completed": layout.C_COMPLETED,
        "timed_out": layout.C_TIMED_OUT,
        "rejected": layout.C_REJECTED,
        "accepted": layout.C_ACCEPTED,
        "client_calls": layout.C_SENT,
    }
    return {name: int(m["counts"][place]) for name, place in places.items()}


def test_of_three_at_once_the_third_gets_in_with_its_second_syn() -> None:
    """One is served at once, one waits in the backlog, one comes again after 1 s, as the first ends: it waits 1 s there, not 2."""
    ends, m = by_hand([0, 0, 0], 1, backlog=1)
    assert ends == [1, 2, 3]
    assert float(m["wait_sum"]) == 2
    assert counts(m) == {"completed": 3, "timed_out": 0, "rejected": 0, "accepted": 3, "client_calls": 3}
    assert int(m["counts"][layout.C_MAX_DEPTH]) == 1


def test_who_comes_later_overtakes_a_connection_that_was_dropped() -> None:
    """The third is dropped at 0, 1 and 3 s; the fourth has come at 2.5 s, and is served from 4 to 6 s; the third from 7 s on."""
    ends, m = by_hand([0, 0, 0, 2.5], 2, backlog=1)
    assert ends == [2, 4, 6, 9]
    assert float(m["wait_sum"]) == 2 + 1.5
    assert float(m["latency_sum"]) == 2 + 4 + 3.5 + 9


def test_a_syn_that_comes_as_work_ends_finds_the_worker_free() -> None:
    """The work of the third began after that SYN was planned, and ends at its very instant."""
    ends, _ = by_hand([0, 0, 0.5], 0.5, backlog=0)
    assert ends == [0.5, 1, 1.5]


@pytest.mark.parametrize(
    ("linear", "syns_s", "fails_s"), [(0, [1, 3, 7, 15, 31, 63], 127), (4, [1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131)]
)
def test_a_connection_gets_in_with_each_of_its_syns_and_fails_after_the_last(
    linear: int, syns_s: list[float], fails_s: float
) -> None:
    """The worker is free half a second before the SYN. Until the one after the last, nothing happens."""
    for syn_s in syns_s:
        ends, m = by_hand([0, 0], syn_s - 0.5, backlog=0, syn_linear_timeouts=linear)
        assert ends == [syn_s - 0.5, syn_s + syn_s - 0.5]
        assert float(m["wait_sum"]) == 0
    ends, m = by_hand([0, 0], fails_s - 0.5, backlog=0, syn_linear_timeouts=linear)
    assert ends == [fails_s - 0.5, fails_s]
    assert counts(m) == {"completed": 1, "timed_out": 1, "rejected": 0, "accepted": 1, "client_calls": 2}


def test_the_client_s_own_timeout_runs_from_the_first_syn() -> None:
    """It ends at 5 s, between the SYNs at 3 and 7 s; no work is left with the server, and nothing was accepted."""
    ends, m = by_hand([0, 0], 4.9, backlog=0, client_timeout_s=5)
    assert ends == pytest.approx([4.9, 5])
    assert counts(m) == {"completed": 1, "timed_out": 1, "rejected": 0, "accepted": 1, "client_calls": 2}
    assert float(m["busy"]) == 4.9


def test_a_call_that_got_in_late_has_only_the_rest_of_its_patience() -> None:
    """The second waits from 0 s, is begun at 4 s and given up at 5 s; or gets in at 3 s, and is given up at 5 s while the worker goes on to 5.5 s."""
    ends, m = by_hand([0, 0, 0.5], 4, backlog=1, client_timeout_s=5)
    assert ends == pytest.approx([4, 5, 5.5])
    assert counts(m)["timed_out"] == 2
    ends, m = by_hand([0, 0], 2.5, backlog=0, client_timeout_s=5)
    assert ends == pytest.approx([2.5, 5])
    assert float(m["wasted"]) == pytest.approx(0.5)


def test_a_client_s_retry_is_a_new_connection_with_syns_of_its_own() -> None:
    """Given up at 3.3 s, after SYNs at 0, 1 and 3 s; calls again at 3.8 s and is served at once."""
    ends, m = by_hand([0, 0], 3.2, backlog=0, client_timeout_s=3.3, client_retries=1, client_backoff_s=0.5)
    assert ends == pytest.approx([3.2, 3.8 + 3.2])
    assert counts(m) == {"completed": 2, "timed_out": 0, "rejected": 0, "accepted": 2, "client_calls": 3}
    ends, m = by_hand([0, 0], 180, backlog=0, client_retries=1)
    assert ends == [180, 127 + 63 + 180], "the first connection fails at 127 s, the second gets in with its last SYN"


def test_an_unbounded_backlog_drops_nothing() -> None:
    ends, m = by_hand([0] * 9, 1)
    assert ends == list(range(1, 10))
    assert float(m["wait_sum"]) == sum(range(9))


REFUSING = {
    "jobs": 3000,
    "warmup_jobs": 100,
    "deadline_s": 20,
    "arrivals": {"process": "poisson", "rate_per_s": 4},
    "service": {"distribution": "exponential", "mean_s": 1},
    "failures": {"transient_percent": 10},
    "retries": {"max": 2},
    "synchronous": {
        "workers": 4,
        "backlog": 6,
        "client_timeout_s": 3,
        "client_retries": 2,
        "client_backoff_s": 1,
    },
}
BEFORE = {
    1: ([1297, 245, 1358, 0, 6934], 3707.5363618576844, 3725.9617543060117, 2911.4423016737915, 1257.8679342781932),
    2: ([1396, 248, 1256, 0, 6855], 3920.328063041821, 4130.292805434301, 2974.6544705640886, 1214.470287921231),
    3: ([1335, 253, 1312, 0, 6911], 3643.3277358089435, 3773.63498385554, 2872.710688964835, 1185.8350469569923),
}
"""What the kernel made of it before there was a choice, but for waits (the first sum), which count the 3 s of each call that was given up in
the backlog since. Another C library may round a logarithm, and so last digits, differently."""


@pytest.mark.parametrize("seed", BEFORE)
def test_a_backlog_that_refuses_has_the_figures_that_it_had_before(seed: int) -> None:
    state = started(REFUSING | {"seed": seed})
    assert LOOPS[SYNCHRONOUS](state.machine, 10**9) == layout.DONE
    m = state.machine[0]
    kinds = (layout.C_COMPLETED, layout.C_TIMED_OUT, layout.C_REJECTED, layout.C_FAILED, layout.C_SENT)
    counted, *sums = BEFORE[seed]
    assert [int(m["counts"][kind]) for kind in kinds] == counted
    assert [float(m[name]) for name in ("wait_sum", "latency_sum", "busy", "wasted")] == pytest.approx(sums, rel=1e-12)


RATE, SERVERS, BACKLOG, TIMEOUT_S, JOBS, REPLICATIONS = 4.2, 3, 5, 12.0, 3000, 12


def figures_of_a_plain_model(seed: int) -> dict[str, float]:
    draws = random.Random(seed)
    calendar: list[tuple[float, int, str, dict[str, Any]]] = []
    backlog: deque[dict[str, Any]] = deque()
    idle, number, clock = SERVERS, 0, 0.0
    waits, latencies, dropped, timed_out = [], [], 0, 0

    def plan(at: float, what: str, call: dict[str, Any]) -> None:
        nonlocal number
        number += 1
        heapq.heappush(calendar, (at, number, what, call))

    def begin(call: dict[str, Any], now: float) -> None:
        call["began"] = now
        plan(now + call["work"], "done", call)

    for _ in range(JOBS):
        clock += draws.expovariate(RATE)
        plan(clock, "syn", {"first": clock, "syns": 0, "work": draws.expovariate(1.0)})
    while calendar:
        now, _, what, call = heapq.heappop(calendar)
        if what == "done":
            idle += 1
            gone = now > call["first"] + TIMEOUT_S
            timed_out += gone
            wait = min(call["began"], call["first"] + TIMEOUT_S) - call["in"]
            if call["began"] <= call["first"] + TIMEOUT_S:
                waits.append(wait)
            if not gone:
                latencies.append(now - call["first"])
            if backlog:
                idle -= 1
                begin(backlog.popleft(), now)
        elif now > call["first"] + TIMEOUT_S:
            timed_out += 1
        elif idle:
            idle -= 1
            call["in"] = now
            begin(call, now)
        elif len(backlog) < BACKLOG:
            call["in"] = now
            backlog.append(call)
        else:
            dropped += call["syns"] == 0
            call["syns"] += 1
            plan(call["first"] + 2 ** call["syns"] - 1, "syn", call)
    return {
        "timed out": timed_out / JOBS,
        "wait in the backlog": sum(waits) / len(waits),
        "latency of the completed": sum(latencies) / len(latencies),
        "slow": sum(latency > 4 for latency in latencies) / JOBS,
    }


def figures_of_the_kernel() -> list[dict[str, float]]:
    scenario = Scenario.parse(
        {
            "seed": 5,
            "jobs": JOBS,
            "arrivals": {"process": "poisson", "rate_per_s": RATE},
            "service": {"distribution": "exponential", "mean_s": 1},
            "synchronous": {"workers": SERVERS, "backlog": BACKLOG, "overflow": "drop", "client_timeout_s": TIMEOUT_S},
        }
    )
    runner = Runner(scenario, None, None, dict.fromkeys(LOOPS, True))
    runner.run(REPLICATIONS)
    middles = np.where(np.isfinite(MIDDLES_S), MIDDLES_S, 0)
    return [
        {
            "timed out": tally.counts["timed_out"] / JOBS,
            "wait in the backlog": tally.wait["mean"],
            "latency of the completed": float(
                (tally.latencies.histogram * middles).sum() / tally.latencies.histogram.sum()
            ),
            "slow": float(tally.latencies.histogram[middles > 4].sum() / JOBS),
        }
        for tally in runner.tallies[SYNCHRONOUS]
    ]


def test_a_model_of_its_own_agrees() -> None:
    ours, theirs = figures_of_the_kernel(), [figures_of_a_plain_model(seed) for seed in range(REPLICATIONS)]
    for name in theirs[0]:
        mine, others = [one[name] for one in ours], [one[name] for one in theirs]
        gap = abs(float(np.mean(mine) - np.mean(others)))
        assert gap < half_width(mine, 0.999) + half_width(others, 0.999), (name, np.mean(mine), np.mean(others))
        assert half_width(others, 0.999) < 0.15 * float(np.mean(others)), name


OVERLOADED = {
    "jobs": 40_000,
    "arrivals": {"process": "poisson", "rate_per_s": 200},
    "service": {"distribution": "deterministic", "mean_s": 0.02},
    "synchronous": {"workers": 1, "backlog": 10, "overflow": "drop"},
}


def test_clients_that_still_connect_are_counted_in_the_memory_that_a_run_takes() -> None:
    """A service that does 50 a second; three quarters of 200 a second wait outside for up to 127 s. Each thread has a run of its own."""
    scenario = Scenario.parse(OVERLOADED)
    state = started(OVERLOADED)
    most = 0
    while (status := LOOPS[SYNCHRONOUS](state.machine, 500)) != layout.DONE:
        most = max(most, int(state.machine[0]["in_system"]))
        if status == layout.GROW:
            state.grow()
    assert most > 15_000
    refusing = scenario.model_copy(
        update={"synchronous": scenario.synchronous.model_copy(update={"overflow": "refuse"})}
    )
    more_bytes = memory_bytes(scenario, None) - memory_bytes(refusing, None)
    assert more_bytes > (os.cpu_count() or 1) * most * (SLOT.itemsize + EVENT.itemsize)


def test_dropped_connections_are_no_queue_that_grows_and_are_named_with_the_verdict() -> None:
    result = simulate(Scenario.parse(OVERLOADED | {"jobs": 5000, "deadline_s": 30}), replications=2)
    design = result.synchronous
    assert design.stable
    assert design.rejected == 0
    assert design.timed_out + design.completed == design.offered
    assert design.queue_depth.max == 10
    assert any("TCP tries them again after 1, 3, 7 s" in sentence for sentence in result.inequalities)
    refusing = Scenario.parse(OVERLOADED | {"jobs": 500, "synchronous": {"workers": 1, "backlog": 10}})
    assert not any("TCP" in sentence for sentence in simulate(refusing, replications=1).inequalities)
