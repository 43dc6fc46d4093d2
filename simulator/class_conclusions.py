"""What may be concluded about each class: which design meets its deadline, and whether a design serves it badly while it serves others well."""

from collections.abc import Iterable, Iterator, Mapping

from simulator.conclusions import ShareOfJobs, verdict_of, wanted_share
from simulator.result import ClassResult, DesignName, DesignResult, Result, StarvedClass
from simulator.scenario import Scenario

SEVERAL = 3.0
"""How many times its deadline the worst wait of a class may be, and how many times the worst wait of the class that waits least."""


def with_class_conclusions(scenario: Scenario, result: Result) -> Result:
    if len(scenario.event_driven.queues) < 2 or scenario.deadline_s is None:
        return result
    designs = dict(_designs(result))
    return result.model_copy(
        update={
            "class_verdicts": _class_verdicts(scenario, designs),
            "starved": tuple(
                starved
                for design, one in designs.items()
                for name in one.classes
                if (starved := _starved(scenario, design, name, one.classes)) is not None
            ),
        }
    )


def _designs(result: Result) -> Iterator[tuple[DesignName, DesignResult]]:
    yield "synchronous", result.synchronous
    yield "event_driven", result.event_driven
    if result.hybrid is not None:
        yield "hybrid", result.hybrid


def class_deadline_s(scenario: Scenario, name: str) -> float | None:
    deadline_s = scenario.deadline_s
    return deadline_s.get(name) if isinstance(deadline_s, Mapping) else deadline_s


def _class_verdicts(scenario: Scenario, designs: Mapping[DesignName, DesignResult]) -> dict[str, str | list[str]]:
    """With a deadline a queue; a class of which no job was offered has none."""
    if not isinstance(scenario.deadline_s, Mapping):
        return {}
    verdicts = {}
    for name in scenario.deadline_s:
        own = {design: (result.classes[name], result.stable) for design, result in designs.items()}
        if all(one.offered for one, _ in own.values()):
            shares: dict[str, ShareOfJobs] = {
                design: share_of(one, stable=stable if one.stable is None else one.stable)
                for design, (one, stable) in own.items()
            }
            verdicts[name] = verdict_of(scenario, shares)
    return verdicts


def share_of(own: ClassResult, *, stable: bool) -> ShareOfJobs:
    return ShareOfJobs(*own.intervals.get("good_share", (0.0, 1.0)), stable)


def _starved(
    scenario: Scenario, design: DesignName, name: str, classes: Mapping[str, ClassResult]
) -> StarvedClass | None:
    """If it misses its deadline while all others meet theirs, or if its worst wait is several times as long as its deadline.

    Such a wait counts only if it is also several times as long as that of another class: else the design is slow for all of them.
    """
    own, deadline_s = classes[name], class_deadline_s(scenario, name)
    others = {other: one for other, one in classes.items() if other != name and one.offered}
    if deadline_s is None or not own.offered or not others:
        return None
    wanted = wanted_share(scenario)
    shares = [one.good_share for other, one in others.items() if class_deadline_s(scenario, other) is not None]
    others_meet = bool(shares) and min(shares) >= wanted
    misses = own.intervals.get("good_share", (own.good_share, own.good_share))[1] < wanted
    worst_s = own.wait_s.max
    others_s = min(_worst_waits_s(others.values()), default=None)
    waits_long = worst_s is not None and others_s is not None and worst_s > SEVERAL * max(deadline_s, others_s)
    if not (misses and others_meet) and not waits_long:
        return None
    return StarvedClass(
        design=design,
        queue=name,
        good_share=own.good_share,
        deadline_s=deadline_s,
        worst_wait_s=worst_s,
        others_worst_wait_s=others_s,
        others_meet=others_meet,
    )


def _worst_waits_s(classes: Iterable[ClassResult]) -> Iterator[float]:
    return (one.wait_s.max for one in classes if one.wait_s.max is not None)
