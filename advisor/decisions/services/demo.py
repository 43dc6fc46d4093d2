"""The first things to look at: the three examples of the article that this advice grew from, decided and simulated."""

from django.db import transaction
from django.utils import timezone

from advisor.decisions.models import Run, Status
from advisor.decisions.services.create_decision import create_decision
from advisor.decisions.services.edit_decision import change_status
from advisor.decisions.services.request_run import request_run
from advisor.teams.models import Role, User, Workspace

DEMO_TEMPLATES = ("email_triage", "form_classification", "document_extraction")
"""The last one made stands first in the list."""


def ensure_demo(workspace: Workspace) -> tuple[Run, ...]:
    """Puts the demo decisions into the workspace, once for good: deleted ones stay away. The runs that it queued.

    The figures are not shipped but computed, by whatever worker takes the runs; the reconciler tells one.
    """
    owner = User.objects.filter(memberships__workspace=workspace, memberships__role=Role.OWNER).earliest("pk")
    with transaction.atomic():
        first = Workspace.objects.filter(pk=workspace.pk, demo_made_at__isnull=True).update(demo_made_at=timezone.now())
        return tuple(_demo_run(workspace, owner, template) for template in DEMO_TEMPLATES) if first else ()


def _demo_run(workspace: Workspace, owner: User, template: str) -> Run:
    decision = create_decision(workspace, owner, {"template": template}, is_demo=True)
    change_status(decision, owner, Status.PROPOSED)
    return request_run(decision.latest(), owner, f"demo-{template}")
