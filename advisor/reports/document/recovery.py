"""What a trigger did to both designs, and whether they recovered from it."""

from collections.abc import Mapping

from advisor.reports import wording
from advisor.reports.document.blocks import Paragraph, Section, grid
from core.numbers import count, duration, interval
from simulator.metastability import Recovery
from simulator.result import Interval

FIGURES = {
    "amplification": "Calls a job, by those of a quiet run",
    "peak_depth": "Queue depth, largest",
    "dead_letters": "Dead letters of the outage",
    "peak_dead_letters_per_min": "Dead letters in its worst minute",
}


def recovery_sentence(found: Mapping[str, Recovery], observed_s: float) -> str:
    """Which designs recovered, in how many replications."""
    return " ".join(
        f"The {wording.style_name(design).lower()} design {_recovers(it, observed_s)}." for design, it in found.items()
    )


def _recovers(found: Recovery, observed_s: float) -> str:
    if found.recovers:
        return "recovers"
    if not found.recovered:
        return f"does not recover in the {duration(observed_s)} watched"
    return f"recovers in {found.recovered} of {count(found.replications, 'replication')}"


def recovery(found: Mapping[str, Recovery], trigger: tuple[float, float], observed_s: float) -> Section:
    """The figures side by side, each with its 95 % interval."""
    start, end = trigger
    rows = [
        ("Replications that recovered", *(f"{it.recovered} of {it.replications}" for it in found.values())),
        ("Time to drain", *("not reached" if it.drain_s is None else _of(it.drain_s, "s") for it in found.values())),
        *((words, *(_of(getattr(it, name)) for it in found.values())) for name, words in FIGURES.items()),
    ]
    said = (
        f"The provider is out of service for {duration(end - start)} from {duration(start)} on, and the designs are watched for "
        f"{duration(observed_s)} after that. A design recovers when its queue is as short again as it is without the outage, and stays so. "
        "Dead letters are all jobs that end without a result, beyond those of the same run without the outage."
    )
    headers = ("Figure", *(wording.style_name(design) for design in found))
    return Section("recovery", "Recovery", (Paragraph(said), grid(headers, rows, "After the outage")))


def _of(figure: Interval, unit: str = "") -> str:
    return interval(figure.mean, figure.low, figure.high, unit)
