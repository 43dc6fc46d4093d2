"""Queueing theory in closed form, which the simulator and the advice are held against.

Rates are per second, times are seconds, `offered_load` is arrival rate x mean service time (erlangs).
A queue at or above capacity has an infinite mean wait.
"""

from math import exp, inf, log, sqrt

from simulator.theory import lognormal_sigma


def erlang_b(servers: int, offered_load: float) -> float:
    """The share of calls lost when `servers` are busy and nothing waits (M/G/c/c).

    Source: A. K. Erlang, 1917; the stable recursion of Jagerman, Bell System Technical Journal 53 (1974).
    """
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = offered_load * blocked / (busy + offered_load * blocked)
    return blocked


def erlang_c(servers: int, offered_load: float) -> float:
    """The probability that a job has to wait (M/M/c); 1 at or above capacity.

    Source: A. K. Erlang, 1917; from Erlang B by C = B / (1 - rho (1 - B)), Cooper, Introduction to Queueing Theory, 2nd ed., 1981.
    """
    utilisation = offered_load / servers
    if utilisation >= 1:
        return 1.0
    blocked = erlang_b(servers, offered_load)
    return blocked / (1 - utilisation * (1 - blocked))


def mean_wait_s(arrival_rate_per_s: float, mean_service_s: float, servers: int) -> float:
    """The mean wait of M/M/c: C / (c mu - lambda). Infinite at or above capacity.

    Source: Gross et al., Fundamentals of Queueing Theory, 4th ed., section 2.3.
    """
    spare = servers / mean_service_s - arrival_rate_per_s
    if spare <= 0:
        return inf
    return erlang_c(servers, arrival_rate_per_s * mean_service_s) / spare


def wait_quantile_s(arrival_rate_per_s: float, mean_service_s: float, servers: int, q: float) -> float:
    """The `q` quantile (0 <= q < 1) of the wait of M/M/c: P(W > t) = C exp(-(c mu - lambda) t); zero where fewer than 1 - q wait.

    Source: Gross et al., section 2.3.
    """
    spare = servers / mean_service_s - arrival_rate_per_s
    if spare <= 0:
        return inf
    waits = erlang_c(servers, arrival_rate_per_s * mean_service_s)
    return max(0.0, log(waits / (1 - q)) / spare) if waits > 0 else 0.0


def md1_wait_s(arrival_rate_per_s: float, service_s: float) -> float:
    """The mean wait of M/D/1: half of that of M/M/1.

    Source: Pollaczek-Khinchine with no variance.
    """
    return pollaczek_khinchine_wait_s(arrival_rate_per_s, service_s, 0.0)


def pollaczek_khinchine_wait_s(arrival_rate_per_s: float, mean_service_s: float, service_cv: float) -> float:
    """The mean wait of M/G/1: rho / (1 - rho) x S (1 + Cs^2) / 2.

    Source: F. Pollaczek, 1930; A. Y. Khinchine, 1932; Gross et al., section 5.1.
    """
    utilisation = arrival_rate_per_s * mean_service_s
    if utilisation >= 1:
        return inf
    return utilisation / (1 - utilisation) * mean_service_s * (1 + service_cv**2) / 2


def mmck_loss(servers: int, places: int, offered_load: float) -> float:
    """The share of jobs lost by M/M/c/K, K = `places` in service and waiting together (K >= c); Erlang B where K = c.

    Source: Gross et al., section 2.5. From Erlang B: p(K) = B r^(K-c) / (1 + B (r + r^2 + ... + r^(K-c))), r = a / c.
    """
    utilisation = offered_load / servers
    blocked = erlang_b(servers, offered_load)
    weight, total = blocked, 1.0
    for _ in range(places - servers):
        weight *= utilisation
        total += weight
    return weight / total


def mmck_wait_s(arrival_rate_per_s: float, mean_service_s: float, servers: int, places: int) -> float:
    """The mean wait of the jobs that M/M/c/K admits (Little's law over its queue).

    Source: Gross et al., section 2.5.
    """
    offered_load = arrival_rate_per_s * mean_service_s
    utilisation = offered_load / servers
    blocked = erlang_b(servers, offered_load)
    weight, total, queued = blocked, 1.0, 0.0
    for waiting in range(1, places - servers + 1):
        weight *= utilisation
        total += weight
        queued += waiting * weight
    return (queued / total) / (arrival_rate_per_s * (1 - weight / total))


def cobham_wait_s(arrival_rates_per_s: list[float], mean_service_s: float) -> list[float]:
    """The mean wait of each class of a non-preemptive priority M/M/1, the most urgent first; equal exponential service.

    Source: A. Cobham, Priority assignment in waiting line problems, Operations Research 2 (1954): W_k = R / ((1 - s_(k-1)) (1 - s_k)).
    """
    residual = sum(arrival_rates_per_s) * mean_service_s**2
    waits, above = [], 0.0
    for rate in arrival_rates_per_s:
        upto = above + rate * mean_service_s
        waits.append(residual / ((1 - above) * (1 - upto)) if upto < 1 else inf)
        above = upto
    return waits


def allen_cunneen_wait_s(
    arrival_rate_per_s: float, mean_service_s: float, servers: int, arrival_cv: float, service_cv: float
) -> float:
    """The approximate mean wait of G/G/c: (Ca^2 + Cs^2) / 2 times that of M/M/c.

    For renewal, stationary input only: for traces and peaks it misses by far.
    Source: A. O. Allen, Probability, Statistics, and Queueing Theory, 2nd ed., 1990, section 5.3; exact for M/M/c and M/G/1.
    """
    return (arrival_cv**2 + service_cv**2) / 2 * mean_wait_s(arrival_rate_per_s, mean_service_s, servers)


def drain_time_s(backlog: float, arrival_rate_per_s: float, mean_service_s: float, servers: int) -> float:
    """How long `servers` need to work off `backlog` jobs while others arrive: B / (c mu - lambda); infinite at or above capacity.

    Source: the fluid approximation; Newell, Applications of Queueing Theory, 2nd ed., 1982.
    """
    spare = servers / mean_service_s - arrival_rate_per_s
    return backlog / spare if spare > 0 else inf


def lognormal_cv(p50_s: float, p95_s: float) -> float:
    return sqrt(exp(lognormal_sigma(p50_s, p95_s) ** 2) - 1)
