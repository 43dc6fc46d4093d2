"""When queued jobs expire: if a person waits for the result, what begins too late for that only holds up the others."""

from advisor.advice.contract import DesignPlan, Evidence, ExpiryPlan, StyleEvidence
from advisor.advice.evaluation import Evaluation
from advisor.advice.evidence import evidence_of
from advisor.advice.peak_and_outage import good_shares_in_peak_and_outage
from advisor.advice.words import apart
from core.numbers import duration, percent

WORTH = 0.005
"""How much larger the share in time has to be."""
NOISE = 0.001
"""How much smaller it may be on an ordinary day."""


def with_expiry(evaluation: Evaluation, plan: DesignPlan, evidence: Evidence) -> tuple[DesignPlan, Evidence]:
    """The plan with an expiry, if more requests are in time with it in a peak or in the stated outage, and no fewer in the other.

    A hybrid that answers everything in line has no jobs that wait to be begun. The expiry never changes whether a design meets the deadline,
    because what would change the advice is searched for without it.
    """
    after_s = expires_after_s(evaluation)
    if after_s is None or plan.subscriber_consumers is not None:
        return plan, evidence
    expiring = plan.model_copy(update={"expiry": ExpiryPlan(after_s=after_s, why="")})
    without, having = (good_shares_in_peak_and_outage(evaluation, each) for each in (plan, expiring))
    gains = {where: having[where] - share for where, share in without.items() if where in having}
    where = max(gains, key=lambda each: gains[each], default=None)
    if where is None or gains[where] < WORTH or min(gains.values()) <= -WORTH:
        return plan, evidence
    again = evidence_of(evaluation, plan=expiring)
    if again is None or not all(_is_as_good(again.styles[style], one) for style, one in evidence.styles.items()):
        return plan, evidence
    less, more = apart(100 * without[where], 100 * having[where], percent)
    kept = ", and keep it as a dead letter" if evaluation.answers.failures.dead_letter else ""
    why = (
        f"Let a job expire that has not begun {duration(after_s)} after its request{kept}: at the usual processing time its result would be "
        f"late, and a person does not wait for it. With the expiry {more} of the requests are in time in the simulated {where}, without it {less}."
    )
    return plan.model_copy(update={"expiry": ExpiryPlan(after_s=after_s, why=why)}), again


def _is_as_good(again: StyleEvidence, before: StyleEvidence) -> bool:
    return again.conclusion == before.conclusion and again.good_share > before.good_share - NOISE


def expires_after_s(evaluation: Evaluation) -> float | None:
    """What the deadline leaves after typical processing (p50, of the quickest class); None if a late result is of use, or no job may be lost."""
    answers = evaluation.answers
    may_expire = answers.failures.dead_letter or answers.resilience.max_lost_jobs > 0
    deadline_s = answers.caller.deadline_s
    if answers.caller.kind != "end_user" or not may_expire or deadline_s is None or answers.volume.trace is not None:
        return None
    own_s = (priority.p50_s for priority in answers.priorities.shares().values())
    after_s = deadline_s - min(answers.processing.p50_s if one_s is None else one_s for one_s in own_s)
    return after_s if after_s > 0 else None
