"""Lets a decision go by a recording of arrivals, or by a rate again."""

from advisor.advice.editions import Library
from advisor.advice.measuring import capacity_per_s, measured
from advisor.decisions.models import Decision, Revision, Trace
from advisor.decisions.services.save_answers import save_answers
from advisor.decisions.services.upload_trace import read_stored_trace
from advisor.teams.models import User


def use_trace(decision: Decision, trace: Trace, user: User, version: int, *, own: Library | None = None) -> Revision:
    """The revision whose arrivals are the trace. Its rate, peaks and unevenness become answers, too: the advice goes by them.

    `own` is as in `save_answers`.

    Raises:
        PermissionDenied, InvalidInput, StaleVersion: as `save_answers`.
    """
    answers = decision.latest().answers
    given = answers.model_dump()
    given["volume"] |= measured(read_stored_trace(trace), capacity_per_s(answers)) | {"trace": str(trace.pk)}
    return save_answers(decision, given, user, version, own=own)


def drop_trace(decision: Decision, user: User, version: int, *, own: Library | None = None) -> Revision:
    """The revision whose arrivals follow the rate and peaks again; they keep what the trace said. `own` is as in `save_answers`.

    Raises:
        PermissionDenied, InvalidInput, StaleVersion: as `save_answers`.
    """
    given = decision.latest().answers.model_dump()
    given["volume"]["trace"] = None
    return save_answers(decision, given, user, version, own=own)
