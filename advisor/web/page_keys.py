"""What a kept page was made from, as few quick queries read it for each request, with the reader's right to see it.

A page shows nothing that is not in its key; large texts are in it as their digests.
"""

from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import SHA256

from advisor.decisions.models import Comment, Decision, LibraryEntry, Revision, Run, Step, Tag, Trace
from advisor.decisions.models.run import LARGE_COLUMNS
from advisor.decisions.services.revisions import newest_steps
from advisor.teams.access import EDITORS
from advisor.teams.models import User, Workspace
from advisor.teams.prepared_queries import PreparedQuery, columns, given_id, given_user
from advisor.teams.services.audit import AuditSubject
from advisor.web.kept_pages import PageKey

LARGE_TEXTS = ("answers_json", "recommendation_json")


class Digest(SHA256):
    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Django's own needs an extension."""
        template = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
        return self.as_sql(compiler, connection, template=template, **context)


def number_of(rows: "QuerySet[Any]", within: str) -> Subquery:
    return Subquery(rows.order_by().values(within).annotate(number=Count("pk")).values("number"))


_RUN = PreparedQuery(
    lambda: (
        Run.objects.filter(pk=given_id(), workspace__memberships__user=given_user(1))
        .order_by()
        .values_list(
            "workspace__memberships__role",
            "workspace_id",
            "revision__decision__title",
            *columns(Run, but=LARGE_COLUMNS),
            *columns(Revision, "revision__", LARGE_TEXTS),
            *columns(Decision, "revision__decision__"),
            *columns(Trace, "trace__"),
        )
    )
)


def key_of_run(user: User, run_id: UUID) -> PageKey | None:
    """None unless the user is a member."""
    return _key(_RUN(run_id, user.pk))


_REVISIONS = PreparedQuery(
    lambda: (
        Revision.objects.filter(decision=given_id(), decision__workspace__memberships__user=given_user(1))
        .shown()
        .order_by("number")
        .values_list(
            "decision__workspace__memberships__role",
            "decision__workspace_id",
            "decision__title",
            *columns(Decision, "decision__"),
            *columns(Workspace, "decision__workspace__"),
            *columns(Revision, but=LARGE_TEXTS),
            *map(Digest, LARGE_TEXTS),
            number_of(Comment.objects.filter(decision=OuterRef("decision")), "decision"),
            # A recording never changes, and stays while answers use it.
            number_of(Trace.objects.filter(workspace=OuterRef("decision__workspace")), "workspace"),
        )
    )
)
_LAST_RUN = PreparedQuery(
    lambda: (
        Run.objects.as_advised()
        .filter(revision__decision=given_id())
        .order_by("-created_at")
        .values_list("pk", "state", "revision_id", "revision__number")[:1]
    )
)
_STEPS = PreparedQuery(
    lambda: newest_steps(given_id()).order_by("pk").values_list(*columns(Step, but=["answers_json"]))
)
_TAGS = PreparedQuery(lambda: Tag.objects.filter(decision=given_id()).order_by("name").values_list("name"))
_LIBRARY = PreparedQuery(
    lambda: LibraryEntry.objects.filter(workspace__decisions=given_id()).values_list(*columns(LibraryEntry))
)


def key_of_decision(user: User, decision_id: UUID) -> PageKey | None:
    """None unless the user is a member."""
    key = _key(_REVISIONS(decision_id, user.pk))
    if key is None:
        return None
    others = tuple(query(decision_id) for query in (_LAST_RUN, _STEPS, _TAGS, _LIBRARY))
    return key._replace(rows=(key.rows, others))


def _key(rows: tuple[tuple[Any, ...], ...]) -> PageKey | None:
    """Of rows that begin with the reader's role, the workspace and the decision's title."""
    if not rows:
        return None
    role, workspace_id, title = rows[0][:3]
    return PageKey(role in EDITORS, tuple(row[1:] for row in rows), AuditSubject(UUID(str(workspace_id)), title))
