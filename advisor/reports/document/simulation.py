from collections.abc import Mapping

from advisor.reports import wording
from advisor.reports.charts import charts_of
from advisor.reports.charts.latency import quantile
from advisor.reports.charts.model import Table
from advisor.reports.document.blocks import Block, Drawing, ItemList, ListItem, Paragraph, Section, cell, table_block
from advisor.reports.document.classes import ClassFigures, class_block, class_blocks, class_figures, starved_sentences
from advisor.reports.document.live import live_blocks
from advisor.reports.remedies import remedy_sentences
from core.numbers import MISSING, count, duration, interval, share, share_interval
from simulator.metastability import Recovery
from simulator.result import DesignResult, Interval, Result, SoFar
from simulator.scenario import Scenario

QUANTILES = (("mean", "mean"), ("p50", "p50"), ("p90", "p90"), ("p95", "p95"), ("p99", "p99"), ("max", "largest"))
SHARES = {"good_share", "completed_share", "utilisation"}
DIFFERENCES = {
    "good_share": "Good share",
    "completed_share": "Completed share",
    "latency_mean_s": "Latency, mean",
    "latency_p50_s": "Latency, p50",
    "latency_p95_s": "Latency, p95",
    "latency_p99_s": "Latency, p99",
    "wait_mean_s": "Wait, mean",
    "wait_p95_s": "Wait, p95",
    "queue_depth_mean": "Queue depth, mean",
    "queue_depth_max": "Queue depth, largest of a replication",
    "lag_max_s": "Lag, largest of a replication",
    "utilisation": "Utilisation",
    "attempts_per_job": "Attempts a job",
    "wasted_s": "Work wasted, a replication",
}
LEVELS = ("queue_depth_mean", "queue_depth_max", "lag_max_s", "utilisation", "attempts_per_job", "wasted_s")


def simulation(result: Result, scenario: Scenario) -> Section:
    sentence = wording.simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent)
    drawings = tuple(Drawing(chart) for chart in charts_of(result, scenario))
    return Section(
        "simulation", title_of(result), (Paragraph(sentence, strong=True), *findings(result, scenario), *drawings)
    )


def title_of(result: Result) -> str:
    return "Live run" if result.engine == "live" else "Simulation"


def findings(result: Result, scenario: Scenario) -> tuple[Block, ...]:
    remedies = remedy_sentences(result, scenario.tolerated_miss_percent)
    blocks: list[Block] = [Paragraph(sentence) for sentence in (*wording.conclusion_sentences(result), *remedies)]
    blocks.append(Paragraph(_how(result)))
    blocks += [Paragraph(sentence) for sentence in result.notes]
    blocks += [Paragraph(sentence, strong=True) for sentence in wording.stability_sentences(wording.designs_of(result))]
    blocks += [Paragraph(sentence, strong=True) for sentence in starved_sentences(result)]
    blocks += _unequal(result)
    figures = results_table(result)
    blocks.append(table_block(figures.headers, figures.rows, "Results of the designs, with 95 % intervals"))
    blocks += class_blocks(result, scenario)
    if result.live is not None:
        blocks += live_blocks(result.live)
    compared = difference_rows(result)
    if compared:
        caption = "Event-driven minus synchronous, paired by replication, 95 % intervals"
        blocks.append(table_block(("Figure", "Difference"), compared, caption))
    return tuple(blocks)


def _how(result: Result) -> str:
    offered = result.synchronous.offered
    if result.engine == "live":
        outside = result.live is not None and result.live.endpoint is not None
        same = "arrivals and documents" if outside else "arrivals, service times and failures"
        return (
            f"Both designs met the same {count(offered, 'job')} live, one design after the other, seed {result.seed}: "
            f"the same {same} for each job."
        )
    return (
        f"Both designs met the same {count(offered, 'job')} in {count(result.replications, 'replication')} of the "
        f"{result.engine} engine, seed {result.seed}: the same arrivals, service times and failures for each job."
    )


def _unequal(result: Result) -> list[Block]:
    if not result.inequalities:
        return [Paragraph("Both designs were given the same in everything.")]
    return [
        Paragraph("Both were given the same, but for this:"),
        ItemList(tuple(ListItem(sentence) for sentence in result.inequalities)),
    ]


def results_table(result: Result) -> Table:
    return _figures_table({wording.style_name(style): design for style, design in wording.designs_of(result)})


def so_far_table(so_far: SoFar) -> Table:
    return _figures_table(_measured(so_far))


def so_far_classes(so_far: SoFar) -> tuple[ClassFigures, ...]:
    return () if so_far.scenario is None else class_figures(_measured(so_far), so_far.scenario)


def _measured(so_far: SoFar) -> dict[str, DesignResult]:
    measured = (("synchronous", so_far.synchronous), ("event_driven", so_far.event_driven))
    return {
        wording.style_name(style) + ("" if style in so_far.finished else ", until it stopped"): design
        for style, design in measured
        if design is not None
    }


def so_far_section(so_far: SoFar) -> Section:
    figures = so_far_table(so_far)
    return Section(
        "so-far",
        "Measured before the live run stopped",
        (
            table_block(figures.headers, figures.rows, "Results of the designs, with 95 % intervals"),
            *map(class_block, so_far_classes(so_far)),
        ),
    )


def _figures_table(named: Mapping[str, DesignResult]) -> Table:
    designs = list(named.values())
    rows: list[tuple[str, ...]] = [("Jobs offered", *(count(design.offered) for design in designs))]
    for name, words in wording.OUTCOMES.items():
        if name in ("good", "late") or any(getattr(design, name) for design in designs):
            rows.append((f"of these {words}", *(_outcome(design, name) for design in designs)))
    rows.append(("Good share", *(_value_words("good_share", design) for design in designs)))
    for of, title in (("latency", "Latency"), ("wait", "Wait")):
        for name, words in QUANTILES:
            rows.append((f"{title}, {words}", *(quantile(design, name, of) for design in designs)))
    rows += [(DIFFERENCES[name], *(_value_words(name, design) for design in designs)) for name in LEVELS]
    rows += [
        ("Calls to the provider", *(count(design.provider_calls) for design in designs)),
        ("Calls held back by the provider's limits", *(count(design.provider_429) for design in designs)),
        ("Delivery calls", *(_delivery_calls(style, design) for style, design in named.items())),
    ]
    rows += [
        (title, *(count(getattr(design, name)) for design in designs))
        for name, title in wording.REPEATED.items()
        if any(getattr(design, name) for design in designs)
    ]
    rows += _subscriber_rows(designs)
    return Table(("Figure", *named), tuple(tuple(cell(text) for text in row) for row in rows))


def _delivery_calls(style: str, design: DesignResult) -> str:
    """A synchronous answer is in the response: there is nothing to count."""
    is_in_response = style.startswith(wording.style_name("synchronous"))
    return "none, in the response" if is_in_response else count(design.delivery_calls)


def _outcome(design: DesignResult, name: str) -> str:
    jobs = getattr(design, name)
    return f"{count(jobs)} ({share(jobs / design.offered if design.offered else 0.0)})"


def _value_words(name: str, design: DesignResult) -> str:
    value, bounds = design.figure(name), design.intervals.get(name)
    if value is None or bounds is None:
        return MISSING if value is None else figure_words(name, value)
    return interval_words(name, Interval(mean=value, low=bounds[0], high=bounds[1]))


def figure_words(name: str, value: float) -> str:
    return share(value) if name in SHARES else wording.value_by_name(name, value)


def interval_words(name: str, value: Interval) -> str:
    if name in SHARES:
        return share_interval(value.mean, value.low, value.high)
    return interval(value.mean, value.low, value.high, "s" if name.endswith("_s") else "")


def difference_rows(result: Result) -> list[tuple[str, str]]:
    differences = result.difference
    return [
        (words, difference_words(name, differences[name])) for name, words in DIFFERENCES.items() if name in differences
    ]


def difference_words(name: str, value: Interval) -> str:
    """Shares differ by percentage points."""
    if name in SHARES:
        return interval(100 * value.mean, 100 * value.low, 100 * value.high, "points")
    return interval_words(name, value)


def _subscriber_rows(designs: list[DesignResult]) -> list[tuple[str, ...]]:
    names = sorted({name for design in designs for name in design.subscribers})
    rows = []
    for name in names:
        handled = [design.subscribers.get(name) for design in designs]
        cells = (
            "–" if one is None else f"{count(one.handled)} of {count(one.offered)}, p95 {duration(one.latency_s.p95)}"
            for one in handled
        )
        rows.append((f"{name.replace('_', ' ').capitalize()}, handled", *cells))
    return rows


RECOVERY_FIGURES = {
    "drain_s": "Time to drain",
    "amplification": "Calls a job, by those of a quiet run",
    "peak_depth": "Queue depth, largest of a replication",
    "dead_letters": "Dead letters of the outage",
    "peak_dead_letters_per_min": "Dead letters in its worst minute",
}


def recovery_sentence(recoveries: Mapping[str, Recovery], observed_s: float) -> str:
    return " ".join(
        f"The {wording.style_name(design).lower()} design {_recovers(recovery, observed_s)}."
        for design, recovery in recoveries.items()
    )


def _recovers(recovery: Recovery, observed_s: float) -> str:
    if recovery.recovers:
        return "recovers"
    if not recovery.recovered:
        return f"does not recover in the {duration(observed_s)} watched"
    return f"recovers in {recovery.recovered} of {count(recovery.replications, 'replication')}"


def recovery_section(recoveries: Mapping[str, Recovery], trigger: tuple[float, float], observed_s: float) -> Section:
    start, end = trigger
    rows = [
        ("Replications that recovered", *(f"{one.recovered} of {one.replications}" for one in recoveries.values())),
        *(
            (words, *(_recovery_words(name, getattr(one, name)) for one in recoveries.values()))
            for name, words in RECOVERY_FIGURES.items()
        ),
    ]
    sentence = (
        f"The provider is out of service for {duration(end - start)} from {duration(start)} on, and the designs are watched for "
        f"{duration(observed_s)} after that. A design recovers when its queue is as short again as it is without the outage, and stays so. "
        "Dead letters are all jobs that end without a result, beyond those of the same run without the outage."
    )
    headers = ("Figure", *(wording.style_name(design) for design in recoveries))
    return Section("recovery", "Recovery", (Paragraph(sentence), table_block(headers, rows, "After the outage")))


def _recovery_words(name: str, value: Interval | None) -> str:
    return wording.NOT_REACHED if value is None else interval_words(name, value)
