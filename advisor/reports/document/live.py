from collections.abc import Callable, Mapping
from dataclasses import dataclass

from advisor.reports import wording
from advisor.reports.document.blocks import Block, Paragraph, table_block
from core.closed_sets import complete_table
from core.numbers import MISSING, count, duration, number, share
from simulator.live.run.compare import JOBS, RELATIVE, STANDARD_ERRORS
from simulator.live.run.run_plan import round_speed_down
from simulator.result import EndpointUse, LiveFigure, LiveReport, ProcessEnd, WorkerKind

NAMES = {
    "wait_s.mean": "Wait, mean",
    "wait_s.p95": "Wait, p95",
    "latency_s.mean": "Latency, mean",
    "latency_s.p50": "Latency, p50",
    "latency_s.p95": "Latency, p95",
    "good_share": "Good share",
    "queue_depth.mean": "Queue depth, mean",
    "queue_depth.max": "Queue depth, largest",
    "lag_s.max": "Lag, largest",
    "utilisation": "Utilisation",
    "wasted_s": "Work wasted",
    "provider_calls": "Calls to the provider",
    "delivery_calls": "Delivery calls",
    "provider_429": "Calls refused (429)",
    "redelivered": "Jobs delivered again",
    "duplicates": "Results computed more than once",
    "call_rate.max": "Calls to the provider in the busiest second",
    "in_system": "Jobs still in the system",
    "handled_s.mean": "From arrival until handled, mean",
    "unhandled": "Results given up",
}
WORDS: Mapping[str, Callable[[float], str]] = {"share": share, "s": duration}
SMALLEST_PERCENT = 0.05
"""What reads as no error."""
LATE_S = 0.05
"""A load generator that is so late (p99, real time) has not had the machine that the run was planned for."""
BUSY = 0.5
"""Of the cores: a load average beyond that at the start of a run is other work's."""
MOST_LETTERS = 20
WORKER_WORDS = complete_table(
    WorkerKind,
    {
        "threads": "rq workers that are threads of two processes",
        "simple": "rq workers that are a SimpleWorker process each",
        "forking": "rq workers that fork for each job",
        "stock": "rq's own worker pool and scheduler",
    },
)
CAPS = {"calls": "the cap on calls", "tokens": "the cap on tokens", "time": "the cap on time"}
TOO_SMALL = "too small to tell"
TOLERANCES = (
    f"A figure agrees if predicted and measured are within {100 * RELATIVE:g} % of the larger. What this run cannot resolve is “{TOO_SMALL}”, "
    "and does not count as agreement: times, and differences of times, below what this machine's own parts take for a job and the load comes "
    f"late (p99), times the speed; queues below what arrives in that time; counts, and differences of counts, below {JOBS:g}; waste "
    f"below the work of {JOBS:g} jobs. Good shares and "
    f"outcomes differ beyond {STANDARD_ERRORS:g} standard errors of the difference of two samples."
)
KILLED = (
    "In rq, the jobs of a killed worker are taken up again only when their entries in rq's registry of started jobs have expired (the job's "
    "timeout and 60 s) and the maintenance of another worker has run (every 600 s): with rq's defaults, 805 s in a measurement. If only the "
    "work-horse of a forking worker is killed, its worker notices within one monitoring interval: 2.1 s in a measurement. Settings that "
    "change it: the job timeout, the worker TTL, the maintenance interval; or a reliable queue, which gives unacknowledged jobs back."
)


@dataclass(frozen=True)
class Compared:
    """`answer` is "differs" or "too small to tell"; empty if the two agree."""

    style: str
    name: str
    predicted: str
    measured: str
    error: str
    answer: str


def compared_rows(live: LiveReport) -> tuple[Compared, ...]:
    return tuple(
        Compared(
            figure.design,
            _name(figure),
            _words(figure, figure.predicted),
            _words(figure, figure.measured),
            _error(figure),
            "" if figure.within else TOO_SMALL if figure.below_resolution else "differs",
        )
        for figure in live.figures
    )


def _name(figure: LiveFigure) -> str:
    name = NAMES.get(figure.figure) or f"Jobs {wording.OUTCOMES.get(figure.figure, figure.figure)}"
    return f"{name} ({figure.queue})" if figure.queue else name


def _words(figure: LiveFigure, value: float | None) -> str:
    if value is None:
        return wording.NOT_REACHED
    if figure.unit in WORDS:
        return WORDS[figure.unit](value)
    return count(round(value)) if value == round(value) else number(value)


def _error(figure: LiveFigure) -> str:
    if figure.error_percent is None:
        return "none" if figure.predicted == figure.measured else MISSING
    if abs(figure.error_percent) < SMALLEST_PERCENT:
        return "none"
    return f"{figure.error_percent:+.1f} %" if abs(figure.error_percent) < 1000 else "over ±1,000 %"


def how_sentence(live: LiveReport) -> str:
    pace = "in real time" if live.speed == 1 else f"{number(live.speed)} times as fast"
    return (
        f"Live: {live.window}, {pace}, {count(live.jobs, 'job')} that arrived over {duration(live.seconds)}, through real queues, HTTP and "
        f"{WORKER_WORDS[live.workers]}, one design after the other; {duration(live.real_s)} in all."
    )


def agreement_sentence(live: LiveReport) -> str:
    of = len(live.figures)
    agree = sum(figure.within for figure in live.figures)
    small = sum(figure.below_resolution for figure in live.figures)
    differ = of - agree - small
    if not of:
        return "The run left nothing to compare with the prediction."
    if agree == of > 1:
        return f"All {count(of)} figures agree with the kernel's prediction."
    verbs = f"{_verb(agree, 'agree')} with the kernel's prediction", _verb(differ, "differ")
    sentence = f"{count(agree)} of {count(of, 'figure')} {verbs[0]}, {count(differ)} {verbs[1]}"
    if small:
        where = "in this run" if live.speed == 1 else "at this speed"
        sentence += f", {count(small)} {'is' if small == 1 else 'are'} {TOO_SMALL} {where}"
    return f"{sentence}. {herd_sentence(live)}".rstrip()


def _verb(number_of: int, verb: str) -> str:
    return f"{verb}s" if number_of == 1 else verb


def herd_sentence(live: LiveReport) -> str:
    speeds = [
        (figure.resolvable_speed, figure.design) for figure in live.figures if figure.resolvable_speed is not None
    ]
    if not speeds:
        return ""
    several = wording.listed(
        [f"{round_speed_down(speed):g} ({wording.design_name(design)})" for speed, design in speeds]
    )
    return (
        f"A second of the workload lasted {duration(1 / live.speed)} here, too short to compare the calls of the busiest second: "
        f"that takes a speed of at most {several}."
    )


def machine_sentences(live: LiveReport) -> tuple[str, ...]:
    sentences = _load(live), _other_runs(live), _unfinished(live), *process_end_sentences(live)
    return tuple(sentence for sentence in sentences if sentence)


def _unfinished(live: LiveReport) -> str:
    if not live.unfinished_calls:
        return ""
    calls = f"{count(live.unfinished_calls, 'call')} that its clients had abandoned"
    return f"The synchronous service was stopped with {calls} unfinished: its waste, calls and utilisation are measured up to then."


def _load(live: LiveReport) -> str:
    load = live.load_average
    if load is None:
        return ""
    sentence = (
        f"Load average: {load.before:.1f} at the start, {load.after:.1f} at the end, on {count(load.cores, 'core')}."
    )
    if load.before > BUSY * load.cores:
        sentence += (
            " The machine was busy with other things, which is in every measured figure; run it again when it is quiet."
        )
    return sentence


def _other_runs(live: LiveReport) -> str:
    if not live.other_runs:
        return ""
    others = "Another live run was" if live.other_runs == 1 else f"{count(live.other_runs)} other live runs were"
    return f"{others} under way on this machine at the same time; each slows the other."


def process_end_sentences(live: LiveReport) -> tuple[str, ...]:
    ends = tuple(map(_process_end, live.process_ends))
    in_hand = any(end.design == "event_driven" and end.jobs_in_hand for end in live.process_ends)
    return (*ends, KILLED) if in_hand else ends


def _process_end(end: ProcessEnd) -> str:
    how = f"was {end.how}" if end.how.startswith("killed") else f"ended with {end.how}"
    again = "was started again" if end.restarted else "was not started again"
    jobs = (
        "no job was"
        if not end.jobs_in_hand
        else "1 job was"
        if end.jobs_in_hand == 1
        else f"{count(end.jobs_in_hand)} jobs were"
    )
    return f"{end.process} of the {wording.design_name(end.design)} design {how} after {duration(end.at_s)} and {again}; {jobs} in hand."


def costs_sentence(live: LiveReport) -> str:
    costs = live.costs
    return (
        f"This machine took {duration(costs.accept_s)} to accept a job, {duration(costs.dispatch_s)} of a consumer's time for an "
        f"attempt besides the model's own ({duration(costs.pickup_s)} before the work begins), and {duration(costs.synchronous_s)} "
        "for a call in line, measured in a run of its own just before; the prediction counts them."
    )


def lateness_sentence(live: LiveReport) -> str:
    worst = max(live.lateness.values(), key=lambda late: late.p99_s, default=None)
    if worst is None:
        return ""
    sentence = f"Jobs were sent {duration(worst.mean_s)} after their instants on average, {duration(worst.p99_s)} at p99 (real time)."
    if worst.p99_s > LATE_S:
        sentence += " That is late: this machine was busy with something else, which is in every measured figure. Run it again when it is quiet."
    return sentence


def _in_words(row: Compared) -> str:
    """No leading sign: spreadsheets would take it for a formula."""
    sign, size = row.error[:1], row.error[1:]
    words = f"{size} {'higher' if sign == '+' else 'lower'}" if sign in ("+", "-") else row.error
    return TOO_SMALL if row.answer == TOO_SMALL else f"{words} ({row.answer})" if row.answer else words


def live_blocks(live: LiveReport) -> tuple[Block, ...]:
    rows = [
        (
            wording.style_name(row.style),
            row.name,
            row.predicted,
            row.measured,
            _in_words(row),
        )
        for row in compared_rows(live)
    ]
    return (
        Paragraph(how_sentence(live)),
        Paragraph(agreement_sentence(live), strong=True),
        *(Paragraph(sentence) for sentence in endpoint_sentences(live)),
        *(Paragraph(sentence) for sentence in machine_sentences(live)),
        Paragraph(f"{costs_sentence(live)} {lateness_sentence(live)}".rstrip()),
        table_block(
            ("Design", "Figure", "Predicted", "Measured", "Error"),
            rows,
            "The kernel's prediction against the live run",
            figures_from=2,
        ),
        Paragraph(TOLERANCES),
        *_letters(live),
    )


def _letters(live: LiveReport) -> tuple[Block, ...]:
    if not live.dead_letters:
        return ()
    shown = live.dead_letters[:MOST_LETTERS]
    rows = [
        (letter.queue, letter.reason, str(letter.job), str(letter.attempts), duration(letter.at_s)) for letter in shown
    ]
    several = count(len(live.dead_letters), "dead letter")
    words = several if len(shown) == len(live.dead_letters) else f"The first {len(shown)} of {several}"
    return (
        table_block(
            ("Queue", "Reason", "Job", "Attempts", "When"),
            rows,
            f"{words}, and when each was given up since the start",
            figures_from=2,
        ),
    )


def endpoint_sentences(live: LiveReport) -> tuple[str, ...]:
    use = live.endpoint
    if use is None:
        return ()
    return tuple(sentence for sentence in (_spent(use), _call_times(use), _cut(use)) if sentence)


def _spent(use: EndpointUse) -> str:
    tokens = (
        f"{count(use.input_tokens)} input and {count(use.output_tokens, 'output token')} by its own account"
        if use.input_tokens or use.output_tokens
        else "it told of no tokens"
    )
    some = "all" if use.failed_calls == use.calls else count(use.failed_calls)
    statuses = ", ".join(f"HTTP {status}: {count(times)}" for status, times in use.failures.items())
    answers = f" ({statuses})" if statuses else ""
    failed = f", {some} of them in vain{answers}" if use.failed_calls else ""
    return (
        f"{use.model} at {use.host} answered in the sample endpoint's place: {count(use.calls, 'call')} of at most "
        f"{count(use.max_calls)}{failed}; {tokens}."
    )


def _call_times(use: EndpointUse) -> str:
    if use.call_s.mean is None or use.call_s.p50 is None or use.call_s.p95 is None:
        return "None of its calls brought a result, so there is nothing of it to measure."
    return (
        f"Its times were measured, not drawn: {duration(use.call_s.mean)} a call on average ({duration(use.call_s.p50)} at p50, "
        f"{duration(use.call_s.p95)} at p95). The prediction takes these very times in place of the {duration(use.scenario_mean_s)} of the "
        "answers, and no failures; what is held against it here is the queues and the workers. To simulate this endpoint, put its p50 and p95 "
        "into the answers."
    )


def _cut(use: EndpointUse) -> str:
    if not use.cut:
        return ""
    if set(use.cut) == {"synchronous", "event_driven"} and len(set(use.cut.values())) == 1:
        cap = CAPS[next(iter(use.cut.values()))]
        return (
            f"Cut short: {cap} ended the calls of both designs; their jobs from then on failed, and the figures say so."
        )
    where = [
        f"{CAPS[cap]} ended the calls of the {wording.style_name(name).lower()} design" for name, cap in use.cut.items()
    ]
    return f"Cut short: {', and '.join(where)}; its jobs from then on failed, and the figures say so."
