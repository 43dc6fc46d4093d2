"""Comments on a decision. Every member may comment, viewers too."""

from django.core.exceptions import PermissionDenied

from advisor.decisions.limits import COMMENT_LENGTH, COMMENTS_CAP
from advisor.decisions.models import Comment, Decision
from advisor.decisions.names import clean_text
from advisor.teams.access import require_member, role_in
from advisor.teams.models import Role, User
from core.errors import InvalidInput, Problem


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
