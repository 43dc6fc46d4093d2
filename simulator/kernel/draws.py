# mypy: disable-error-code="no-any-return"
"""The draws of each arrival process, service distribution and jitter: a table of each, whose places are the numbers that a machine has.

Source of the jitters: Exponential backoff and jitter, AWS Architecture Blog, 2015.
"""

import math

import numpy as np

from core.closed_sets import complete_table
from core.units import DAY_S
from simulator.arrivals import Arrivals
from simulator.kernel.access import recorded
from simulator.kernel.closed import closed_instant
from simulator.kernel.compiled import compiled, dispatched
from simulator.kernel.layout import U_CLASS, U_GAP, U_GAP_MORE, U_SERVICE, U_SERVICE_MORE, Machine
from simulator.kernel.random_numbers import exponential, gamma, normal_quantile, uniform
from simulator.retries import Jitter
from simulator.services import Service
from simulator.theory import NORMAL_P95, NORMAL_P99


@compiled
def regular_instant(m: Machine, job: int) -> float:
    return (job - m.backlog) / m.rate


@compiled
def poisson_instant(m: Machine, job: int) -> float:
    return m.arrival + m.gap * exponential(m.key, job, U_GAP, 0)


@compiled
def gamma_instant(m: Machine, job: int) -> float:
    return m.arrival + m.arrival_b * gamma(m.key, job, U_GAP_MORE, m.arrival_a)


@compiled
def unit_gap(m: Machine, job: int) -> float:
    """Gamma of mean 1 and shape `arrival_d`: exponential if that is 1, constant if it is infinite."""
    if m.arrival_d == 1.0:
        return exponential(m.key, job, U_GAP, 0)
    if m.arrival_d == np.inf:
        return 1.0
    return gamma(m.key, job, U_GAP_MORE, m.arrival_d) / m.arrival_d


@compiled
def burst_instant(m: Machine, job: int) -> float:
    """When the intensity, with one peak in the middle of every period, has cumulated to a gap more than at the arrival before."""
    m.cumulated += unit_gap(m, job)
    rate, high, peak, period = m.rate, m.arrival_a, m.arrival_b, m.arrival_c
    low = (period - high * peak) / (period - peak)
    quiet = (period - peak) / 2.0
    whole = np.floor(m.cumulated / (rate * period))  # math.floor makes an int64, which overflows if the rate is tiny
    rest = m.cumulated / rate - whole * period
    if rest < quiet * low:
        into = rest / low
    elif rest < quiet * low + peak * high:
        into = quiet + (rest - quiet * low) / high
    else:
        into = period if low <= 0.0 else quiet + peak + (rest - quiet * low - peak * high) / low
    return whole * period + min(into, period)


@compiled
def daily_instant(m: Machine, job: int) -> float:
    """When the intensity of rate x (1 - (`arrival_a` - 1) cos(2 pi t / day)) has cumulated to an exponential more. Bisection, then Newton."""
    m.cumulated += exponential(m.key, job, U_GAP, 0)
    rate, swing, since = m.rate, m.arrival_a - 1.0, m.arrival
    turn = 2.0 * math.pi / DAY_S
    target = m.cumulated / rate
    low, high = max(since, target - swing / turn), target + swing / turn + 1e-9
    t = min(max(target, low), high)
    for _ in range(60):
        value = t - swing * math.sin(turn * t) / turn - target
        if value > 0.0:
            high = t
        else:
            low = t
        slope = 1.0 - swing * math.cos(turn * t)
        step = t - value / slope if slope > 1e-9 else low - 1.0
        t_next = step if low < step < high else (low + high) / 2.0
        if abs(t_next - t) <= 1e-9:
            t = t_next
            break
        t = t_next
    return max(t, since)


@compiled
def recorded_instant(m: Machine, job: int) -> float:
    return recorded(m.trace, job).arrival / m.arrival_a


@compiled
def backlog_instant(m: Machine, job: int) -> float:
    return 0.0


ARRIVALS = complete_table(
    Arrivals,
    {
        "regular": regular_instant,
        "poisson": poisson_instant,
        "gamma": gamma_instant,
        "bursts": burst_instant,
        "daily": daily_instant,
        "trace": recorded_instant,
        "backlog": backlog_instant,
        "closed": closed_instant,
    },
)
POISSON, AT_START = list(ARRIVALS).index("poisson"), list(ARRIVALS).index("backlog")
draw_arrival = dispatched(list(ARRIVALS.values()))


@compiled
def next_arrival(m: Machine, job: int) -> float:
    """Return the instant of arrival `job`; that of the one before is `m.arrival`. Only the usual process is inlined."""
    if m.arrival_kind == POISSON:
        return poisson_instant(m, job)
    if job == m.backlog:
        m.arrival_kind = m.arrival_kind_after
    return draw_arrival(m.arrival_kind, m, job)


@compiled
def constant_s(m: Machine, job: int, output_tokens: float, a: float, b: float, c: float) -> float:
    return a


@compiled
def exponential_s(m: Machine, job: int, output_tokens: float, a: float, b: float, c: float) -> float:
    return a * exponential(m.key, job, U_SERVICE, 0)


@compiled
def lognormal_s(m: Machine, job: int, output_tokens: float, a: float, b: float, c: float) -> float:
    """With a slope of b + c from the 95th to the 99th percentile, and beyond it if that is less than b: see simulator/lognormal.py."""
    z = normal_quantile(uniform(m.key, job, U_SERVICE, 0))
    excess = max(0.0, z - NORMAL_P95)
    if c > 0.0:
        excess = min(excess, NORMAL_P99 - NORMAL_P95)
    return math.exp(a + b * z + c * excess)


@compiled
def gamma_s(m: Machine, job: int, output_tokens: float, a: float, b: float, c: float) -> float:
    return b * gamma(m.key, job, U_SERVICE_MORE, a)


@compiled
def tokens_s(m: Machine, job: int, output_tokens: float, a: float, b: float, c: float) -> float:
    return a + b * output_tokens


@compiled
def recorded_s(m: Machine, job: int, output_tokens: float, a: float, b: float, c: float) -> float:
    """A draw from `drawn` durations, or, if there are none, the trace's own of this job."""
    row = int(uniform(m.key, job, U_SERVICE, 0) * m.drawn) if m.drawn > 0 else job
    return recorded(m.trace, row).duration


SERVICES = complete_table(
    Service,
    {
        "deterministic": constant_s,
        "exponential": exponential_s,
        "lognormal": lognormal_s,
        "gamma": gamma_s,
        "tokens": tokens_s,
        "empirical": recorded_s,
    },
)
EXPONENTIAL = list(SERVICES).index("exponential")
BY_CLASS = len(SERVICES)
"""The number of the kind whose classes have each their own."""
draw_service = dispatched(list(SERVICES.values()))


@compiled
def service_s(m: Machine, job: int, output_tokens: float) -> float:
    """Return the job's time at the model, whatever attempt and design. Only the usual distribution is inlined."""
    if m.service_kind == EXPONENTIAL:
        return exponential_s(m, job, output_tokens, m.service_a, m.service_b, m.service_c)
    return uncommon_service_s(m, job, output_tokens)


@compiled
def uncommon_service_s(m: Machine, job: int, output_tokens: float) -> float:
    if m.service_kind == BY_CLASS:
        place = class_of(m, job)
        a, b, c = m.class_service_a[place], m.class_service_b[place], m.class_service_c[place]
        return draw_service(m.class_services[place], m, job, output_tokens, a, b, c)
    return draw_service(m.service_kind, m, job, output_tokens, m.service_a, m.service_b, m.service_c)


@compiled
def class_of(m: Machine, job: int) -> int:
    if m.classes == 1:
        return 0
    draw = uniform(m.key, job, U_CLASS, 0)
    place = 0
    for upper in range(m.classes - 1):
        place += int(draw >= m.shares[upper])  # no branch: a draw cannot be foreseen
    return place


@compiled
def limit_s(m: Machine, attempt: int) -> float:
    return min(m.cap, m.base * 2.0 ** min(attempt, 60))


@compiled
def pause_without_jitter_s(m: Machine, draw: float, attempt: int, before: float) -> float:
    return limit_s(m, attempt)


@compiled
def pause_of_full_jitter_s(m: Machine, draw: float, attempt: int, before: float) -> float:
    return limit_s(m, attempt) * draw


@compiled
def pause_of_equal_jitter_s(m: Machine, draw: float, attempt: int, before: float) -> float:
    return limit_s(m, attempt) * (0.5 + 0.5 * draw)


@compiled
def decorrelated_pause_s(m: Machine, draw: float, attempt: int, before: float) -> float:
    return min(m.cap, m.base + (3.0 * max(m.base, before) - m.base) * draw)


PAUSES = complete_table(
    Jitter,
    {
        "full": pause_of_full_jitter_s,
        "none": pause_without_jitter_s,
        "equal": pause_of_equal_jitter_s,
        "decorrelated": decorrelated_pause_s,
    },
)
LISTED = len(PAUSES)
"""The number of pauses that are listed, after those of the jitters."""
draw_pause = dispatched(list(PAUSES.values()))


@compiled
def backoff_s(m: Machine, draw: float, attempt: int, before: float) -> float:
    """Return the pause after failed attempt `attempt` (0 first).

    `draw` is uniform in (0, 1); `before` is the pause before the attempt, 0 if there was none.
    """
    if m.jitter == LISTED:
        return m.pauses[attempt]
    return draw_pause(m.jitter, m, draw, attempt, before)
