from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from advisor.advice.answers import Answers
from advisor.advice.checks import CHECKS
from advisor.advice.contract import BrokerOption, Evidence, Flip, Reason, Recommendation, Style, StyleEvidence
from advisor.advice.contradictions import CONTRADICTIONS
from advisor.advice.evidence_sentences import evidence_sentence
from advisor.advice.rules import RULES
from advisor.reports import wording
from advisor.reports.document.answers import LABELS, flip_condition
from advisor.reports.document.blocks import (
    Block,
    ItemList,
    ListItem,
    Paragraph,
    Section,
    Subheading,
    TableBlock,
    one_section,
    table_block,
)
from advisor.reports.document.decision import ReopenCondition, doubts_in_words
from advisor.reports.document.options import delivery_alternatives
from core.numbers import MISSING, count, duration, number, percent, share

MOST_REASONS = 5
EVIDENCE_TITLE = "What the advice rests on"

RULE_TITLES: Mapping[str, str] = {rule.id: rule.title for rule in RULES}
CHECK_TITLES: Mapping[str, str] = {
    **{contradiction.code: contradiction.title for contradiction in CONTRADICTIONS},
    **{check.code: check.title for check in CHECKS},
}


def evidence_section(recommendation: Recommendation, change: str = "") -> Section | None:
    """What the verdict rests on."""
    evidence = recommendation.evidence
    unsimulated = [
        ListItem(f"“{LABELS.get(one.field, one.field)}” is not simulated: {one.reason}")
        for one in recommendation.not_simulated
    ]
    listed = [ItemList(tuple(unsimulated))] if unsimulated else []
    if evidence is None:
        why = [Paragraph(f"{recommendation.unsimulated} The forces and formulas decide.")]
        return Section("evidence", EVIDENCE_TITLE, (*why, *listed)) if recommendation.unsimulated else None
    wanted = f"{share(evidence.wanted_share)} wanted within {duration(evidence.deadline_s)}"
    columns = [_figures_of(style, outcome) for style, outcome in evidence.styles.items()]
    headers, *rows = zip(EVIDENCE_FIGURES, *columns, strict=True)
    tables = [table_block(headers, rows, wording.capitalised(wanted)), *_classes_table(evidence)]
    longer = [Paragraph(change, strong=True)] if change else []
    return Section("evidence", EVIDENCE_TITLE, (Paragraph(evidence_sentence(evidence)), *longer, *tables, *listed))


EVIDENCE_FIGURES = (
    "Design",
    "In time",
    "95 % interval",
    "Latency p50",
    "Latency p95",
    "Latency p99",
    "Latency of the share wanted",
    "Largest queue",
    "Provider calls a job",
    "Delivery calls a job",
)


def _figures_of(style: Style, outcome: StyleEvidence) -> tuple[str, ...]:
    return (
        wording.style_name(style),
        share(outcome.good_share),
        f"{share(outcome.low)} to {share(outcome.high)}",
        *(duration(value) for value in (outcome.latency_s.p50, outcome.latency_s.p95, outcome.latency_s.p99)),
        duration(outcome.reached_s, wording.NOT_REACHED),
        count(outcome.queue_depth_max) if outcome.stable else "grows",
        number(outcome.calls_per_job),
        number(outcome.delivery_calls_per_job),
    )


def _classes_table(evidence: Evidence) -> list[TableBlock]:
    rows = [
        (
            wording.style_name(style),
            name,
            share(one.good_share),
            f"{share(one.low)} to {share(one.high)}",
            duration(one.wait_p95_s),
            duration(one.wait_max_s),
        )
        for style, outcome in evidence.styles.items()
        for name, one in outcome.classes.items()
    ]
    headers = ("Design", "Class", "In time", "Between", "Wait p95", "Longest wait")
    return [table_block(headers, rows, "Classes of requests", figures_from=2)] if rows else []


def reasons_section(recommendation: Recommendation) -> Section:
    speaking_for = [reason for reason in recommendation.reasons if reason.favours == recommendation.style]
    blocks: list[Paragraph | ItemList] = [
        ItemList(tuple(_point(reason) for reason in speaking_for[:MOST_REASONS]), ranked=True)
    ]
    if not speaking_for:
        blocks = [Paragraph("No force speaks for one style more than for the other: the simpler one is advised.")]
    if not recommendation.feasible:
        favoured = f"Once a design is feasible, the forces favour the {wording.design_name(recommendation.style)} one:"
        blocks = [
            ItemList(_ruled_out(recommendation, all_styles=True)),
            *([Paragraph(favoured), *blocks] if speaking_for else []),
        ]
    elif recommendation.infeasible:
        is_set = recommendation.raised_limits is not None and recommendation.raised_limits.to_s is not None
        ruled_out = "Ruled out as it is set today:" if is_set else "Ruled out, whatever else speaks for it:"
        blocks += [Paragraph(ruled_out), ItemList(_ruled_out(recommendation))]
    return Section("why", "Why", tuple(blocks))


def _ruled_out(recommendation: Recommendation, *, all_styles: bool = False) -> tuple[ListItem, ...]:
    """Each constraint once, with the styles that break it; only those of all styles if asked."""
    broken: dict[str, list[str]] = {}
    for style, sentences in recommendation.infeasible.items():
        for sentence in sentences:
            broken.setdefault(sentence, []).append(wording.design_name(style))
    return tuple(
        ListItem(wording.capitalised(f"{wording.listed(styles)}: {sentence}"))
        for sentence, styles in broken.items()
        if not all_styles or len(styles) == len(wording.STYLES)
    )


def against_section(recommendation: Recommendation) -> Section | None:
    speaking_against = [
        reason
        for reason in recommendation.reasons
        if reason.favours != recommendation.style and (recommendation.feasible or reason.favours != "neither")
    ]
    if not speaking_against:
        return None
    return Section(
        "against", "What speaks against it", (ItemList(tuple(_point(reason) for reason in speaking_against)),)
    )


def _point(reason: Reason) -> ListItem:
    return ListItem(reason.evidence, f"{RULE_TITLES.get(reason.rule, 'Rule')}.", reason.source)


def forces_table(recommendation: Recommendation) -> TableBlock:
    """Every rule that fired, by its code, with its weight."""
    rows = [
        (
            f"{RULE_TITLES.get(reason.rule, 'Rule')} ({reason.rule})",
            reason.evidence,
            wording.favours(reason.favours),
            number(reason.weight) if reason.weight else "constraint",
            reason.source,
        )
        for reason in recommendation.reasons
    ]
    headers = ("Force", "Evidence", "Speaks for", "Weight", "Source")
    forces = table_block(headers, rows, "Forces, with what each weighs", figures_from=5)
    return replace(forces, has_sources=True)


def flips_section(recommendation: Recommendation, answers: Answers) -> Section | None:
    blocks: list[Paragraph | ItemList] = [Paragraph(sentence) for sentence in doubts_in_words(recommendation)]
    if recommendation.flips:
        nearest, further = wording.nearest_and_further(recommendation.flips)
        blocks.append(_flips_list(nearest, recommendation, answers))
        if further:
            blocks += [
                Paragraph(f"{count(len(further), 'further answer')} would, too:"),
                _flips_list(further, recommendation, answers),
            ]
    return Section("flips", "What would change it", tuple(blocks)) if blocks else None


def _flips_list(flips: Iterable[Flip], recommendation: Recommendation, answers: Answers) -> ItemList:
    sentences = (
        wording.flip_sentence(
            flip, recommendation, f"“{LABELS.get(flip.field, flip.field)}”", flip_condition(flip, answers)
        )
        for flip in flips
    )
    return ItemList(tuple(ListItem(sentence) for sentence in sentences))


def warnings_section(recommendation: Recommendation) -> Section | None:
    if not recommendation.warnings:
        return None
    items = (
        ListItem(
            warning.text,
            f"{CHECK_TITLES.get(warning.code, 'Check')}.{_of_questions(warning.questions)}",
        )
        for warning in recommendation.warnings
    )
    return Section("warnings", "Warnings", (ItemList(tuple(items)),))


def _of_questions(paths: Sequence[str]) -> str:
    if not paths:
        return ""
    return f" Answers: {wording.listed([f'“{LABELS.get(path, path)}”' for path in paths])}"


def practices_section(recommendation: Recommendation) -> Section | None:
    """What to build along with the design, and how to get there."""
    items = [ListItem(practice.text, f"{practice.title}.", practice.source) for practice in recommendation.practices]
    start = [Paragraph(recommendation.migration)] if recommendation.migration else []
    if not items and not start:
        return None
    return Section("practices", "How to build it", (*start, *([ItemList(tuple(items))] if items else [])))


def broker_section(recommendation: Recommendation) -> Section | None:
    choice = recommendation.broker
    if choice is None:
        return None
    rows = [_broker_row("First choice", choice.first), _broker_row("Runner-up", choice.runner_up)]
    table = table_block(
        ("Choice", "Broker", "For it", "Against it, or to set"), rows, "Choice of a broker", figures_from=4
    )
    facts = ItemList(
        tuple(
            ListItem(f"{option.title}: {option.note}", f"Checked {option.checked}.", option.source)
            for option in (choice.first, choice.runner_up)
        )
    )
    others = ItemList(tuple(ListItem(f"Not {title}: {why}") for title, why in choice.others.items()))
    wins = [Paragraph(choice.runner_up.wins_if)] if choice.runner_up.wins_if else []
    return Section("broker", "Which broker", (table, *wins, facts, others))


def _broker_row(place: str, option: BrokerOption) -> tuple[str, ...]:
    return place, option.title, " ".join(option.reasons), " ".join(option.limits)


def delivery_section(recommendation: Recommendation, *, with_alternatives: bool = True) -> Section:
    plan = recommendation.delivery
    blocks: list[Paragraph | TableBlock | ItemList] = [
        Paragraph(wording.delivery_sentences(recommendation), strong=True)
    ]
    if plan.parameters:
        rows = [
            (wording.capitalised(wording.without_unit(key)), parameter_words(key, value))
            for key, value in plan.parameters.items()
        ]
        blocks.append(table_block(("Parameter", "Value"), rows, "Parameters of the delivery", figures_from=2))
    if plan.fallback is not None:
        blocks.append(Paragraph(f"Where that fails: {wording.method_name(plan.fallback)}."))
    if plan.why_not and with_alternatives:
        blocks.append(ItemList(tuple(map(ListItem, delivery_alternatives(recommendation)))))
    return Section("delivery", "Delivery", tuple(blocks))


def parameter_words(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(parameter_words(key, item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{wording.without_unit(name)} {parameter_words(name, item)}" for name, item in value.items())
    if not isinstance(value, int | float):
        return str(value)
    is_plain = isinstance(value, int) and value < 10_000 and not wording.UNIT_OF_NAME.search(key)
    return str(value) if is_plain else wording.value_by_name(key, value)


def queues_section(recommendation: Recommendation) -> Section:
    useful = Paragraph(wording.concurrency_sentence(recommendation.concurrency))
    if not recommendation.queues:
        return Section("queues", "Concurrency", (useful,))
    rows = [
        (
            queue.name,
            percent(queue.share_percent),
            wording.consumers_of_queue(recommendation, queue),
            duration(queue.max_wait_s),
            MISSING if queue.wait_p95_s is None else duration(queue.wait_p95_s),
            count(queue.alarm_depth, "job"),
            duration(queue.alarm_lag_s),
        )
        for queue in recommendation.queues
    ]
    headers = ("Queue", "Share", "Consumers", "Wait at most", "Wait, p95", "Alarm at depth", "Alarm at lag")
    who = wording.consumers_sentence(recommendation)
    blocks = (table_block(headers, rows, "Queues, the most urgent first"), *((Paragraph(who),) if who else ()), useful)
    return Section("queues", "Queue plan", blocks)


def retries_section(recommendation: Recommendation) -> Section:
    return Section(
        "retries",
        "Retries and dead letters",
        (
            Paragraph(wording.retries_sentence(recommendation.retries)),
            *((Paragraph(breaker),) if (breaker := wording.breaker_sentence(recommendation)) else ()),
            *((Paragraph(expiry),) if (expiry := wording.expiry_sentence(recommendation)) else ()),
            Paragraph(wording.dead_letter_sentence(recommendation)),
        ),
    )


def monitors_section(recommendation: Recommendation) -> Section | None:
    if not recommendation.monitors:
        return None
    rows = [
        (monitor.metric, monitor.threshold, monitor.text, monitor.runbook or MISSING)
        for monitor in recommendation.monitors
    ]
    table = table_block(("Watch", "Alarm at", "Because", "When it sounds"), rows, "Alarms", figures_from=4)
    return Section("monitors", "What to monitor", (table,))


def plan_section(recommendation: Recommendation) -> Section:
    """What to build, and how to run it."""
    return one_section(
        "plan",
        "Plan",
        (
            delivery_section(recommendation, with_alternatives=False),
            broker_section(recommendation),
            queues_section(recommendation),
            retries_section(recommendation),
            practices_section(recommendation),
            monitors_section(recommendation),
        ),
    )


def risks_section(recommendation: Recommendation, further: Sequence[ReopenCondition]) -> Section:
    """The warnings, and the flips that are not among the nearest."""
    warnings = warnings_section(recommendation)
    blocks: list[Block] = [*warnings.blocks] if warnings else [Paragraph("No check of these answers gives a warning.")]
    if further:
        more = f"{count(len(further), 'further answer')} would change the advice"
        blocks += [Subheading(more), ItemList(tuple(ListItem(one.sentence) for one in further))]
    return Section("risks", "Risks", tuple(blocks))


def advice_sections(recommendation: Recommendation, answers: Answers, change: str = "") -> Iterator[Section]:
    """`change` is what a longer simulation concludes otherwise, in a sentence."""
    every = (
        evidence_section(recommendation, change),
        reasons_section(recommendation),
        against_section(recommendation),
        flips_section(recommendation, answers),
        warnings_section(recommendation),
        practices_section(recommendation),
        delivery_section(recommendation),
        broker_section(recommendation),
        queues_section(recommendation),
        retries_section(recommendation),
        monitors_section(recommendation),
    )
    yield from (section for section in every if section is not None)
