"""What could be built, with what speaks for and against each, and what follows from what is advised."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from advisor.advice.contract import Evidence, Recommendation, Style
from advisor.advice.evidence_sentences import miss_sentence, share_in_words
from advisor.reports import wording
from advisor.reports.document.blocks import Block, ItemList, ListItem, Section, Subheading
from core.closed_sets import complete_table
from core.numbers import count, duration, listed, number, share
from simulator.result import Conclusion

MEETS: Mapping[Conclusion, str] = complete_table(
    Conclusion,
    {
        "meets": "meets the deadline",
        "misses": "does not meet the deadline",
        "unresolved": "may or may not meet the deadline",
    },
)


@dataclass(frozen=True)
class Arguments:
    """Sentences."""

    good: tuple[str, ...] = ()
    neutral: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()

    def items(self, good: str, neutral: str, bad: str) -> Iterator[str]:
        """Each sentence after the word for its kind."""
        for word, sentences in ((good, self.good), (neutral, self.neutral), (bad, self.bad)):
            yield from (f"{word}{sentence}" for sentence in sentences)


@dataclass(frozen=True)
class Option:
    name: str
    is_chosen: bool
    arguments: Arguments


def options_of(recommendation: Recommendation, evidence: Evidence | None) -> tuple[Option, ...]:
    """The styles, the advised one first. `evidence` is of the longest simulation that there is."""
    styles = sorted(wording.STYLES, key=lambda style: style != recommendation.style)
    return tuple(_option(style, recommendation, evidence) for style in styles)  # type: ignore[arg-type]


def _option(style: Style, recommendation: Recommendation, evidence: Evidence | None) -> Option:
    is_chosen = style == recommendation.style
    speaking_for = [one.evidence for one in recommendation.reasons if one.favours == style]
    against = _constraints(style, recommendation, evidence)
    if is_chosen:
        against += [one.evidence for one in recommendation.reasons if one.favours not in (style, "neither")]
    elif not against:
        against.append(_why_not(style, recommendation))
    good, neutral, bad = _simulated(style, evidence)
    if bad and recommendation.infeasible.get(style):
        bad = []  # said by the constraint
    return Option(
        wording.style_name(style),
        is_chosen and recommendation.feasible,
        Arguments((*good, *speaking_for), tuple(neutral), (*bad, *against)),
    )


def _constraints(style: Style, recommendation: Recommendation, evidence: Evidence | None) -> list[str]:
    """What rules the style out, with the figures of that evidence if it shows the same."""
    constraints, short = list(recommendation.infeasible.get(style, ())), recommendation.evidence
    if short is None or evidence is None or style not in short.styles:
        return constraints
    outcome = evidence.styles.get(style)
    if outcome is None or outcome.conclusion != "misses":
        return constraints
    by_short = miss_sentence(style, short)
    return [miss_sentence(style, evidence) if one == by_short else one for one in constraints]


def _simulated(style: Style, evidence: Evidence | None) -> tuple[list[str], list[str], list[str]]:
    outcome = evidence.styles.get(style) if evidence else None
    if evidence is None or outcome is None:
        return [], [], []
    sentence = f"It {MEETS[outcome.conclusion]}: {share_in_words(outcome, evidence)}."
    kinds = ("meets", "unresolved", "misses")
    good, neutral, bad = ([sentence] if outcome.conclusion == kind else [] for kind in kinds)
    return good, neutral, bad


def _why_not(style: Style, recommendation: Recommendation) -> str:
    chosen = wording.design_name(recommendation.style)
    is_simulated = recommendation.evidence is not None and style in recommendation.evidence.styles
    if not is_simulated and not any(one.favours == style for one in recommendation.reasons):
        return f"Nothing in the answers speaks for it rather than for the {chosen} design."
    strongest = next((one.evidence for one in recommendation.reasons if one.favours == recommendation.style), "")
    return f"More speaks for the {chosen} design{f': {wording.uncapitalised(strongest)}' if strongest else '.'}"


def alternatives_section(options: Sequence[Option], recommendation: Recommendation) -> Section:
    blocks: list[Block] = []
    for option in options:
        chosen = ", chosen" if option.is_chosen else ""
        sentences = option.arguments.items("For: ", "Open: ", "Against: " if option.is_chosen else "Why not: ")
        blocks += [Subheading(f"{option.name}{chosen}"), ItemList(tuple(map(ListItem, sentences)))]
    methods = delivery_alternatives(recommendation)
    if methods:
        blocks += [Subheading("Other ways to deliver the results"), ItemList(tuple(map(ListItem, methods)))]
    return Section("alternatives", "Alternatives", tuple(blocks))


def delivery_alternatives(recommendation: Recommendation) -> tuple[str, ...]:
    return tuple(
        f"Not {wording.method_name(method)}: {why}"
        for method, why in recommendation.delivery.why_not.items()
        if method != "none"
    )


def consequences_of(recommendation: Recommendation, evidence: Evidence | None) -> Arguments:
    """What follows if it is built as advised; `evidence` is of the longest simulation that there is."""
    return Arguments(good=tuple(_gains(recommendation, evidence)), bad=tuple(_costs(recommendation, evidence)))


def _gains(recommendation: Recommendation, evidence: Evidence | None) -> Iterator[str]:
    outcome = evidence.styles.get(recommendation.style) if evidence else None
    if evidence and outcome and outcome.conclusion == "meets":
        yield f"{share(outcome.good_share)} of the results are there within {duration(evidence.deadline_s)}."
    short = recommendation.evidence
    if short and recommendation.style == "event_driven":
        if short.drain_after_peak_s is not None:
            yield f"After a peak the queue is as short as before within {duration(short.drain_after_peak_s)}."
        outage = short.outage
        if outage is not None:
            drained = (
                "" if outage.drain_s is None else f", and its backlog is worked off {duration(outage.drain_s)} after it"
            )
            yield (
                f"In an outage of {duration(outage.length_s)}, {share(outage.given_up_share)} of the requests are given up{drained}."
            )
    if recommendation.dead_letter:
        yield "What has failed for good is kept in a dead-letter queue and can be sent again."
    if recommendation.style == "synchronous":
        yield "There is no broker to run, and the result or its error is in the response."


def _costs(recommendation: Recommendation, evidence: Evidence | None) -> Iterator[str]:
    outcome = evidence.styles.get(recommendation.style) if evidence else None
    if evidence and outcome and outcome.conclusion != "meets":
        words = share_in_words(outcome, evidence)
        yield f"The {wording.design_name(recommendation.style)} design {MEETS[outcome.conclusion]}: {words}."
    if outcome and recommendation.style != "synchronous" and outcome.queue_depth_max:
        if not outcome.stable:
            yield "The queue grows as long as requests arrive."
        elif outcome.wait_s.p95:
            yield (
                f"A queue of up to {count(outcome.queue_depth_max, 'request')} builds up: "
                f"95 % wait {duration(outcome.wait_s.p95)} at most before they are processed."
            )
    if outcome and recommendation.delivery.method == "polling":
        yield f"Callers ask {number(outcome.delivery_calls_per_job)} times for each result, on average."
    if recommendation.practices:
        yield f"It takes more than the queue: {listed([one.title[:1].lower() + one.title[1:] for one in recommendation.practices])}."
    if recommendation.monitors:
        yield f"{count(len(recommendation.monitors), 'alarm')} must be set up and answered."
    if not recommendation.dead_letter:
        yield wording.dead_letter_sentence(recommendation)


def consequences_section(consequences: Arguments) -> Section | None:
    blocks: list[Block] = []
    for title, sentences in (("Benefits", consequences.good), ("Costs", consequences.bad)):
        if sentences:
            blocks += [Subheading(title), ItemList(tuple(map(ListItem, sentences)))]
    return Section("consequences", "Consequences", tuple(blocks)) if blocks else None
