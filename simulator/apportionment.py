"""Whole servers shared out among queues."""

from collections.abc import Sequence


def apportion_by_share(shares: Sequence[float], servers: int) -> list[int]:
    """Servers a queue by its share, which sum to 1: largest remainders, one at the least."""
    spare = max(0, servers - len(shares))
    exact = [share * spare for share in shares]
    given = [int(part) for part in exact]
    order = sorted(range(len(shares)), key=lambda place: given[place] - exact[place])
    for place in order[: spare - sum(given)]:
        given[place] += 1
    return [part + 1 for part in given]


def apportion_as(counts: Sequence[int], servers: int) -> list[int]:
    """Servers a queue in proportion to counts, one at the least: the counts themselves if `servers` is their sum.

    No queue has fewer if there are more servers (greatest divisors: M. Balinski, H. P. Young, Fair Representation, 1982, chapter 7).
    """
    total, places = sum(counts), range(len(counts))
    given = [max(1, count * servers // total) for count in counts]
    while sum(given) < servers:
        given[max(places, key=lambda place: (counts[place] / (given[place] + 1), -place))] += 1
    while sum(given) > max(servers, len(given)):
        several = [place for place in places if given[place] > 1]
        given[min(several, key=lambda place: (counts[place] / given[place], -place))] -= 1
    return given
