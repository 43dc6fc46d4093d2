"""Fewer retries than the answers allow, if no design meets the deadline with those: calls that fail again and again take the place of others."""

from collections.abc import Iterator

from advisor.advice.contract import Evidence, RetryPlan, Style
from advisor.advice.decision import decide_style
from advisor.advice.design_plan import with_retries
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import MOST_JOBS_A_REPLICATION, brief_scenario
from advisor.advice.evidence_sentences import STYLE_WORDS
from advisor.advice.recovery import retry_plan
from advisor.advice.words import apart
from core.numbers import count, percent
from simulator.conclusions import wanted_share
from simulator.experiment import good_shares, share_of_one_run
from simulator.plan import jobs_of
from simulator.scenario import Scenario
from simulator.stability import load_of
from simulator.statistics import half_width
from simulator.traces import Trace

JOBS_OF_A_TRIAL, MOST_JOBS_OF_A_TRIAL, MOST_JOBS_OF_TRIALS = 10_000, 100_000, 800_000
"""Of one run with a number of retries, rounded up to whole cycles of the peaks, and of all runs of all designs together."""
NUMBERS_TRIED = 8
"""If more retries are allowed, as many numbers of them are tried, equally far apart."""
PAIRED_REPLICATIONS = 5


def find_fewer_retries(evaluation: Evaluation, evidence: Evidence, trace: Trace | None = None) -> Iterator[Evaluation]:
    """The evaluations with fewer retries with which a design meets the deadline in one run, those with the most retries first.

    None if a design meets it as answered, if no call is repeated, or if what no retry changes misses it already.
    """
    if not _may_harm(evaluation, evidence):
        return
    most, left = evaluation.answers.failures.max_retries, MOST_JOBS_OF_TRIALS
    numbers = sorted({most * part // NUMBERS_TRIED for part in range(NUMBERS_TRIED)} - {most}, reverse=True)
    for number in numbers:
        fewer = with_retries(evaluation, number)
        scenario = brief_scenario(fewer, JOBS_OF_A_TRIAL, MOST_JOBS_A_REPLICATION)
        jobs = jobs_of(scenario, trace)
        left -= len(evidence.styles) * jobs
        if jobs > MOST_JOBS_OF_A_TRIAL or left < 0:
            return
        if any(_meets(scenario, style, trace) for style in evidence.styles):
            yield fewer


def _may_harm(evaluation: Evaluation, evidence: Evidence) -> bool:
    point = evaluation.point
    is_met = any(outcome.conclusion == "meets" for outcome in evidence.styles.values())
    repeats = point.failure.attempts > 1 or evaluation.answers.provider.pacing == "none"
    return not is_met and repeats and max(point.failure.poison, point.work.late_share) <= point.caller.tolerated


def _meets(scenario: Scenario, style: Style, trace: Trace | None) -> bool:
    load = load_of(scenario, style, trace, None)
    share = share_of_one_run(scenario, style, load, trace) if load.stable else None
    return share is not None and share.stable and share.settled and share.in_time >= wanted_share(scenario)


def better_style(
    evaluation: Evaluation, evidence: Evidence, fewer: Evaluation, having: Evidence, trace: Trace | None = None
) -> Style | None:
    """A style that meets the deadline with fewer retries and misses it as answered, the advised one first.

    If it is unresolved as answered, more of its requests have to be in time with fewer: the same requests go through both, so that their
    difference in each of several replications is known better than either share.
    """
    advised = decide_style(fewer, having).style
    for style in sorted(having.styles, key=lambda style: style != advised):
        before = evidence.styles.get(style)
        if before is None or having.styles[style].conclusion != "meets":
            continue
        if before.conclusion == "misses" or _has_more_in_time(fewer, evaluation, style, trace):
            return style
    return None


def _has_more_in_time(one: Evaluation, other: Evaluation, style: Style, trace: Trace | None) -> bool:
    scenarios = (brief_scenario(each, JOBS_OF_A_TRIAL, MOST_JOBS_A_REPLICATION) for each in (one, other))
    more, less = (good_shares(scenario, style, PAIRED_REPLICATIONS, trace) for scenario in scenarios)
    differences = [share - paired for share, paired in zip(more, less, strict=True)]
    return sum(differences) / len(differences) > half_width(differences)


def explained_retries(
    evaluation: Evaluation, evidence: Evidence, fewer: Evaluation, having: Evidence, style: Style
) -> RetryPlan:
    """The plan's retries, with the sentence that says why they are fewer; `style` is that of `better_style`."""
    allowed, number = evaluation.answers.failures.max_retries, fewer.answers.failures.max_retries
    before = evidence.styles[style]
    with_all, with_fewer = apart(100 * before.good_share, 100 * having.styles[style].good_share, percent)
    grows = "" if before.stable else ", and the backlog grows without end"
    harm = (
        f"With the {count(allowed, 'retry')} that you allow {with_all} of the {STYLE_WORDS[style]} requests are in time in the simulation"
        f"{grows}; with {number or 'none'} it is {with_fewer}."
    )
    planned = retry_plan(fewer.answers, fewer.point, "The plan has")
    return planned.model_copy(update={"why": f"{harm} {planned.why}"})
