import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID, uuid4, uuid5

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from advisor.advice.answers import answers_from
from advisor.advice.library_overrides import apply_overrides
from advisor.advice.templates import TEMPLATES
from advisor.decisions.cleaning import clean_name, clean_text
from advisor.decisions.errors import StaleStatus
from advisor.decisions.limits import COMMENT_LENGTH, COMMENTS_CAP, TAG_LENGTH, TAGS_CAP, TITLE_LENGTH
from advisor.decisions.models import Comment, Decision, Revision, Run, Status, StatusChange, Tag
from advisor.decisions.services.library import library_of
from advisor.decisions.services.recordings import require_known_trace
from advisor.decisions.services.revisions import build_revision_fields, freeze_revision
from advisor.decisions.services.runs import cancel_all, request_run
from advisor.reports.document.record import STATUS_WORDS, standing_words
from advisor.teams.access import require_editor, require_member, role_in
from advisor.teams.models import Role, User, Workspace
from core.errors import InvalidInput, Problem

DEMO_TEMPLATES = ("email_triage", "form_classification", "document_extraction")
"""The last one is first in the list."""


def look_at_template(workspace: Workspace, user: User, template: str, key: UUID) -> Revision:
    """The first revision of the decision that the template would make, with that id; neither is stored.

    Raises PermissionDenied unless the user may edit in the workspace.
    """
    require_editor(user, workspace)
    own = library_of(workspace)
    name = free_title(workspace, TEMPLATES[template].answers.name)
    answers = answers_from(apply_overrides({"template": template, "name": name}, own))
    decision = Decision(pk=key, workspace=workspace, title=name, created_by=user)
    # The same id for each look: a page that asks again finds the simulation that is under way.
    return Revision(pk=uuid5(key, template), decision=decision, number=1, **build_revision_fields(answers, own))


def create_decision(
    workspace: Workspace,
    user: User,
    given: Mapping[str, Any],
    *,
    title: str | None = None,
    is_demo: bool = False,
    key: UUID | None = None,
) -> Decision:
    """Create a draft with its first revision; `given` is merged into its template's values. `key` is its id, if it has one already.

    Raises:
        PermissionDenied: unless the user may edit in the workspace.
        InvalidInput: with what is wrong in `given` or the title; nothing is saved.
        IntegrityError: there is a decision with that `key`.
    """
    require_editor(user, workspace)
    own = library_of(workspace)
    answers = answers_from(apply_overrides(given, own))
    require_known_trace(answers, workspace)
    name = clean_name(answers.name if title is None else title, "title")
    fields = build_revision_fields(answers, own)
    with transaction.atomic():
        decision = Decision.objects.create(
            pk=key or uuid4(), workspace=workspace, title=name, is_demo=is_demo, created_by=user
        )
        Revision.objects.create(decision=decision, number=1, created_by=user, **fields)
    return decision


def free_title(workspace: Workspace, wanted: str) -> str:
    """The title itself, or with the lowest number that no decision of the workspace has: two can be told apart."""
    taken = set(Decision.objects.for_workspace(workspace).values_list("title", flat=True))
    if wanted not in taken:
        return wanted
    stem = re.sub(r" \(\d+\)$", "", wanted)
    numbered = (f"{stem[: TITLE_LENGTH - len(ending)]}{ending}" for ending in (f" ({number})" for number in count(2)))
    return next(title for title in numbered if title not in taken)


def duplicate_decision(decision: Decision, user: User) -> Decision:
    """A draft with the answers of the latest revision, and its tags. Raise as `create_decision`."""
    given = decision.latest().answers.model_dump()
    with transaction.atomic():
        copy = create_decision(
            decision.workspace, user, given | {"name": free_title(decision.workspace, decision.title)}
        )
        Tag.objects.bulk_create(Tag(decision=copy, name=tag.name) for tag in decision.tags.all())
    return copy


def set_archived(decision: Decision, user: User, *, archived: bool) -> None:
    """Raise PermissionDenied unless the user may edit in its workspace."""
    require_editor(user, decision.workspace)
    decision.archived_at = timezone.now() if archived else None
    Decision.objects.filter(pk=decision.pk).update(archived_at=decision.archived_at)


def set_tags(decision: Decision, user: User, text: str) -> None:
    """Tags as text with commas between them, in place of those that it has; the first spelling of each counts.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: one is too long, or there are too many; nothing is saved.
    """
    require_editor(user, decision.workspace)
    names: dict[str, str] = {}
    for part in text.split(","):
        if part.strip():
            name = clean_name(part, "tags", TAG_LENGTH)
            names.setdefault(name.casefold(), name)
    if len(names) > TAGS_CAP:
        raise InvalidInput([Problem("tags", f"should be at most {TAGS_CAP}, not {len(names)}")])
    with transaction.atomic():
        decision.tags.all().delete()
        Tag.objects.bulk_create(Tag(decision=decision, name=name) for name in names.values())


def change_status(
    decision: Decision,
    user: User,
    status: str,
    *,
    number: int | None = None,
    seen_status: str | None = None,
    seen_version: int | None = None,
) -> None:
    """Set the status of a revision: of the latest one unless `number` is given. Any status may follow any other.

    A revision that is proposed, accepted or superseded is frozen. At most one revision is accepted and one proposed: the
    previous one is superseded, and so is an older proposal once a revision is accepted.

    `seen_status` and `seen_version` (the decision's `draft_version`) are what the page showed.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: there is no such status or revision.
        StaleStatus: the answers or the status have changed since they were seen.
    """
    require_editor(user, decision.workspace)
    if status not in Status.values:
        raise InvalidInput([Problem("status", f"should be one of {', '.join(Status.values)}")])
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        revision = locked.latest() if number is None else locked.revisions.filter(number=number).first()
        if revision is None:
            raise InvalidInput([Problem("revision", f"there is no revision {number}")])
        if seen_version is not None and seen_version != locked.draft_version:
            raise StaleStatus("The answers were changed elsewhere since this page was shown.")
        if seen_status is not None and seen_status != revision.status:
            now = f"revision {revision.number} {STATUS_WORDS[revision.status]} now"
            raise StaleStatus(f"The status was changed elsewhere since this page was shown: {now}.")
        if revision.status == status:
            return
        if status != Status.DRAFT:
            freeze_revision(revision)
        for other in _replaced_by(revision, status):
            _set_status(other, user, Status.SUPERSEDED)
        _set_status(revision, user, status)
        locked.save(update_fields=["updated_at"])
    decision.updated_at = locked.updated_at


def _replaced_by(revision: Revision, status: str) -> QuerySet[Revision]:
    others = Revision.objects.filter(decision=revision.decision_id).exclude(pk=revision.pk)
    match status:
        case Status.ACCEPTED:
            older_proposals = Q(status=Status.PROPOSED, number__lt=revision.number)
            return others.filter(Q(status=Status.ACCEPTED) | older_proposals)
        case Status.PROPOSED:
            return others.filter(status=Status.PROPOSED)
    return others.none()


def _set_status(revision: Revision, user: User, status: str) -> None:
    StatusChange.objects.create(
        decision_id=revision.decision_id, revision=revision, before=revision.status, after=status, changed_by=user
    )
    Revision.objects.filter(pk=revision.pk).update(status=status)


def delete_decision(decision: Decision, user: User) -> None:
    """Delete it with its revisions and runs; runs under way are cancelled. Uploaded traces stay.

    Raises:
        PermissionDenied: unless the user may edit in its workspace.
        InvalidInput: a revision of it is accepted, and therefore on record.
    """
    require_editor(user, decision.workspace)
    with transaction.atomic():
        locked = Decision.objects.select_for_update().get(pk=decision.pk)
        accepted = locked.revisions.filter(status=Status.ACCEPTED).first()
        if accepted is not None:
            reason = f"revision {accepted.number} is accepted and on record; mark it superseded on its own page first"
            raise InvalidInput([Problem("status", reason)])
        cancel_all(Run.objects.filter(revision__decision=locked))
        locked.delete()


@dataclass(frozen=True)
class StatusSummary:
    revisions: tuple[Revision, ...]

    @property
    def latest(self) -> Revision:
        return self.revisions[-1]

    @property
    def accepted(self) -> Revision | None:
        return next((one for one in self.revisions if one.status == Status.ACCEPTED), None)

    @property
    def words(self) -> str:
        statuses = [(one.number, one.status) for one in self.revisions]
        return standing_words(statuses, same_answers=self._is_back_at_same_answers())

    @property
    def label(self) -> str:
        return Status(self.latest.status).label if len(self.revisions) == 1 else self.words

    def _is_back_at_same_answers(self) -> bool:
        *before, latest = self.revisions
        return bool(before) and latest.status == Status.DRAFT and latest.answers == before[-1].answers


def summarize_status(decision: Decision, latest: Revision | None = None) -> StatusSummary:
    if latest is not None and latest.number == 1:
        return StatusSummary((latest,))
    return summarize_statuses([decision])[decision.pk]


def summarize_statuses(decisions: Iterable[Decision]) -> dict[UUID, StatusSummary]:
    shown: dict[UUID, list[Revision]] = {}
    for revision in Revision.objects.filter(decision__in=list(decisions)).shown().order_by("number"):
        shown.setdefault(revision.decision_id, []).append(revision)
    return {key: StatusSummary(tuple(revisions)) for key, revisions in shown.items()}


def add_comment(decision: Decision, user: User, text: str) -> Comment:
    """Raise PermissionDenied unless the user is a member; InvalidInput if the text is empty or too long, or there are too many."""
    require_member(user, decision.workspace)
    cleaned = clean_text(text, "text", COMMENT_LENGTH)
    if decision.comments.count() >= COMMENTS_CAP:
        raise InvalidInput([Problem("text", f"a decision may have {COMMENTS_CAP:,} comments; delete some first")])
    return Comment.objects.create(decision=decision, author=user, text=cleaned)


def may_delete_comment(comment: Comment, user: User) -> bool:
    role = role_in(user, comment.decision.workspace)
    return role is Role.OWNER or (role is not None and comment.author_id == user.pk)


def delete_comment(comment: Comment, user: User) -> None:
    """Raise PermissionDenied unless the user wrote it, or owns the workspace."""
    if not may_delete_comment(comment, user):
        raise PermissionDenied("A comment is deleted by whoever wrote it, or by an owner of the workspace.")
    comment.delete()


def ensure_demo(workspace: Workspace) -> tuple[Run, ...]:
    """Create the demo decisions once, and queue their runs; deleted ones stay away."""
    owner = User.objects.filter(memberships__workspace=workspace, memberships__role=Role.OWNER).earliest("pk")
    with transaction.atomic():
        first = Workspace.objects.filter(pk=workspace.pk, demo_made_at__isnull=True).update(demo_made_at=timezone.now())
        return tuple(_demo_run(workspace, owner, template) for template in DEMO_TEMPLATES) if first else ()


def _demo_run(workspace: Workspace, owner: User, template: str) -> Run:
    decision = create_decision(workspace, owner, {"template": template}, is_demo=True)
    change_status(decision, owner, Status.PROPOSED)
    return request_run(decision.latest(), owner, f"demo-{template}")
