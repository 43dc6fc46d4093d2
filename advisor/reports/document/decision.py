"""The first page: what is decided for which workload, what the simulation showed, and what would reopen it."""

from collections.abc import Iterator
from dataclasses import dataclass

from advisor.advice.answers import Answers
from advisor.advice.contract import Evidence, Flip, Recommendation
from advisor.advice.questionnaire.question import number_words
from advisor.reports import wording
from advisor.reports.charts.in_time import report_picture
from advisor.reports.charts.model import Chart
from advisor.reports.document.answers import LABELS, answered, flip_condition
from advisor.reports.document.blocks import Block, Drawing, Paragraph, Section, Subheading, table_block
from advisor.reports.document.record import Recording
from core.numbers import count, duration, listed, rate, share
from core.paths import value_at
from simulator.result import Result
from simulator.scenario import Scenario

DECIDED = {"accepted": "It is decided to", "superseded": "It had been decided to", "proposed": "It is proposed to"}
"""By the status of a revision; of any other, the advice is meant."""


@dataclass(frozen=True)
class ReopenCondition:
    """A nearest change of one answer that changes the decision, in words."""

    question: str
    today: str
    condition: str
    then: str

    @property
    def sentence(self) -> str:
        return f"“{self.question}” {self.condition} ({self.today} today): {self.then}"


@dataclass(frozen=True, eq=False)
class DecisionSummary:
    workload: str
    decided: str
    shown: str
    """What the simulation showed."""
    doubts: tuple[str, ...]
    picture: Chart | None
    reopen: tuple[ReopenCondition, ...]
    """The nearest first."""
    further: tuple[ReopenCondition, ...]

    @property
    def paragraph(self) -> str:
        return " ".join(filter(None, (self.workload, self.decided, self.shown)))


def decision_of(
    answers: Answers,
    recommendation: Recommendation,
    *,
    status: str | None = None,
    scenario: Scenario | None = None,
    result: Result | None = None,
    recording: Recording | None = None,
    change: str = "",
) -> DecisionSummary:
    """`change` is what a longer simulation concludes otherwise than the advice."""
    nearest, further = wording.nearest_and_further(recommendation.flips)
    return DecisionSummary(
        workload=workload_sentences(answers, recording),
        decided=_decided(recommendation, DECIDED.get(status or "", "The advice is to")),
        shown=" ".join(filter(None, (_shown(recommendation, scenario, result), change))),
        doubts=tuple(doubts_in_words(recommendation)),
        picture=report_picture(recommendation.evidence, result, scenario),
        reopen=tuple(_condition(flip, recommendation, answers) for flip in nearest),
        further=tuple(_condition(flip, recommendation, answers) for flip in further),
    )


def decision_section(decision: DecisionSummary) -> Section:
    blocks: list[Block] = [Paragraph(decision.paragraph), *map(Paragraph, decision.doubts)]
    if decision.picture is not None:
        blocks.append(Drawing(decision.picture))
    if decision.reopen:
        blocks += [Subheading("What would reopen it"), reopen_table(decision.reopen)]
    return Section("decision", "Decision", tuple(blocks))


def reopen_table(conditions: tuple[ReopenCondition, ...]) -> Block:
    rows = [(one.question, one.today, one.condition, wording.capitalised(one.then)) for one in conditions]
    return table_block(("Answer", "Today", "Reopen it", "Then"), rows, "The nearest changes of one answer", 4)


def _condition(flip: Flip, recommendation: Recommendation, answers: Answers) -> ReopenCondition:
    today = answered(flip.field, value_at(answers.model_dump(), flip.field))
    along = wording.MOVES_ALONG.get(flip.field)
    return ReopenCondition(
        LABELS.get(flip.field, flip.field),
        today,
        wording.uncapitalised(flip_condition(flip, answers)),
        wording.flip_outcome(flip, recommendation) + (f" ({along}.)" if along else ""),
    )


def workload_sentences(answers: Answers, recording: Recording | None = None) -> str:
    return " ".join((_who_waits(answers), _load(answers, recording), _times(answers)))


WAITING = {"end_user": "A person", "internal": "One of our own services", "partner": "A partner's service"}


def _who_waits(answers: Answers) -> str:
    caller = answers.caller
    deadline = None if caller.deadline_s is None else number_words(answers, "caller.deadline_s", duration)
    if caller.kind == "nobody":
        by = "have no deadline" if deadline is None else f"must be there within {deadline}"
        return f"Nobody waits for the results; they {by}."
    needs = "there is no deadline" if deadline is None else f"needs it within {deadline}"
    return f"{WAITING[caller.kind]} waits for each result and {needs}."


def _load(answers: Answers, recording: Recording | None) -> str:
    volume = answers.volume
    if volume.is_closed:
        clients = number_words(answers, "volume.clients", lambda clients: count(clients, "client"))
        pause = (
            "" if not volume.think_s else f", {duration(volume.think_s)} between a result and the client's next request"
        )
        return f"The load is {clients} with one request at a time each{pause}."
    mean = number_words(answers, "volume.mean_rate_per_s", rate)
    arrive = f"Requests arrive as recorded ({recording.words}), at" if recording else "Requests arrive at"
    if not volume.peaks:
        return f"{arrive} {mean} on average, without peaks."
    uncertain = {"volume.mean_rate_per_s", "volume.peak_to_mean"} & set(answers.uncertain)
    times = number_words(answers, "volume.peak_to_mean", lambda factor: f"{factor:.3g}")
    peak = f"{times} times that" if uncertain else rate(volume.mean_rate_per_s * volume.peak_to_mean)
    length = number_words(answers, "volume.peak_minutes", lambda minutes: duration(60 * minutes))
    return f"{arrive} {mean} on average and {peak} in peaks of {length}."


def _times(answers: Answers) -> str:
    p50, p95 = (number_words(answers, f"processing.{name}", duration) for name in ("p50_s", "p95_s"))
    return f"Processing one typically takes {p50}; one in twenty takes {p95} or longer."


def _decided(recommendation: Recommendation, begins: str) -> str:
    action = _action(recommendation)
    if not recommendation.feasible:
        return f"No design is feasible for that; once one is, the forces speak most for this: {action}."
    balance = {
        "clear": "",
        "lean": " The advice leans to it on balance, not clearly.",
        "close": " It is a close call.",
    }
    return f"{begins} {action}.{balance[recommendation.strength]}"


def _action(recommendation: Recommendation) -> str:
    method = recommendation.delivery.method
    deliver = wording.uncapitalised(wording.delivery_sentence(method)).rstrip(".")
    if recommendation.style == "synchronous":
        return "serve the requests synchronously, with the result in the response"
    if recommendation.style == "hybrid":
        wait = recommendation.inline_wait_s
        if method == "inline":
            return "answer in the response and publish an event for the other services"
        if wait is not None and method not in ("websocket", "none"):
            return f"answer in the response what is ready within {duration(wait)} and {deliver} what takes longer"
    queued = "serve the requests event-driven, from a queue"
    return f"{queued}; {deliver}" if method == "none" else f"{queued}, and {deliver}"


def _shown(recommendation: Recommendation, scenario: Scenario | None, result: Result | None) -> str:
    if result is not None and scenario is not None:
        sentence = wording.simulated_sentence(result, scenario.deadline_s, scenario.tolerated_miss_percent)
        shares = {style: design.good_share for style, design in wording.designs_of(result)}
        requests = count(result.synchronous.offered, "request")
        if scenario.deadline_s is None:
            return sentence
        return f"{sentence} {_shares(shares)} results were in time, of {requests} through each design."
    if recommendation.evidence is not None:
        return _evidence_words(recommendation.evidence)
    return recommendation.unsimulated


def _evidence_words(evidence: Evidence) -> str:
    shares: dict[str, float] = {
        style: evidence.styles[style].good_share for style in sorted(evidence.styles, reverse=True)
    }
    return (
        f"In a simulation of {count(evidence.jobs, 'request')} through each design, {_shares(shares)} results were in time; "
        f"{share(evidence.wanted_share)} must be."
    )


def _shares(shares: dict[str, float]) -> str:
    return listed([f"{share(part)} of the {wording.design_name(style)}" for style, part in shares.items()])


def doubts_in_words(recommendation: Recommendation) -> Iterator[str]:
    """Why advice is not as clear as it could be, and what would settle it."""
    if recommendation.probability is not None:
        parts = [
            f"{wording.design_name(style)} in {share(part)}"
            for style, part in recommendation.probability.items()
            if part
        ]
        yield f"Over the ranges given, the advice is {wording.listed(parts)} of the cases."
    if recommendation.regret:
        yield wording.regret_sentence(recommendation.regret)
    for sentence, fields in wording.doubt_sentences(recommendation.doubts):
        yield " ".join([sentence, *(LABELS.get(field, field) for field in fields)])
    if recommendation.settle is not None:
        yield f"What would settle it: {LABELS.get(recommendation.settle, recommendation.settle)}"
