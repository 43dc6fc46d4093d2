"""Looks at the running queues whose addresses an administrator allows. A user chooses by name: no address is ever taken from a request."""

from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from advisor.advice.proposed_answers import ProposedAnswers
from advisor.decisions.limits import LONGEST_QUEUES
from advisor.decisions.models import Decision, QueueLook
from advisor.teams.access import require_editor
from advisor.teams.models import User
from core.errors import InvalidInput, Problem

SHORTEST_S, LONGEST_LOOK_S = 1.0, 300.0
KEPT_LOOKS = 5
"""Of a decision; older ones are deleted."""


def observable_brokers() -> Mapping[str, str]:
    """URLs by name."""
    brokers: Mapping[str, str] = settings.CONFIGURATION.observable_brokers
    return brokers


def request_look(
    decision: Decision, user: User, broker: str, queues: str, seconds: float, wait_s: float
) -> tuple[QueueLook, bool]:
    """The look, and whether it is new: a decision has one under way at a time.

    Raises:
        PermissionDenied: unless the user may edit in the decision's workspace.
        InvalidInput: with what is wrong.
    """
    require_editor(user, decision.workspace)
    problems = []
    if broker not in observable_brokers():
        problems.append(Problem("broker", "Choose one of the brokers of the list."))
    if not SHORTEST_S <= seconds <= LONGEST_LOOK_S:
        problems.append(Problem("seconds", "Look for between 1 s and 5 min, such as 60."))
    if not 0 < wait_s <= 1e6:
        problems.append(Problem("wait_s", "The wait must be between 0 s and 11 days, such as 10."))
    if len(queues) > LONGEST_QUEUES:
        problems.append(Problem("queues", "Name fewer queues."))
    if problems:
        raise InvalidInput(problems)
    with transaction.atomic():
        Decision.objects.select_for_update().get(pk=decision.pk)
        latest = latest_look(decision)
        if latest is not None and latest.active:
            return latest, False
        look = QueueLook.objects.create(
            decision=decision, broker=broker, queues=queues, seconds=seconds, wait_s=wait_s, created_by=user
        )
        looks = QueueLook.objects.filter(decision=decision)
        looks.exclude(pk__in=list(looks.values_list("pk", flat=True)[:KEPT_LOOKS])).delete()
    return look, True


def latest_look(decision: Decision) -> QueueLook | None:
    return QueueLook.objects.filter(decision=decision).first()


def proposed_by(look: QueueLook) -> ProposedAnswers | None:
    if not look.result:
        return None
    return ProposedAnswers(look.result["source"], look.result["values"])


def claim_look(look_id: str) -> QueueLook | None:
    """None if another worker has it, or it is over."""
    now = timezone.now()
    claimed = QueueLook.objects.filter(pk=look_id, started_at=None, finished_at=None).update(
        started_at=now, seen_at=now
    )
    return QueueLook.objects.get(pk=look_id) if claimed else None
