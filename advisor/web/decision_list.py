"""What the list of decisions selects, and the key of its kept page."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Window

from advisor.decisions.models import Decision, Revision, Run, Status, Tag
from advisor.decisions.models.decision import DecisionQuerySet
from advisor.reports import wording
from advisor.teams.access import EDITORS
from advisor.teams.middleware import CHOSEN, MemberRequest
from advisor.teams.models import Membership, Workspace
from advisor.teams.prepared_queries import Given, PreparedQuery, Rows, columns, given_id, given_user
from advisor.web.access import parse_id
from advisor.web.forms.questions import choice_reason, sentence_of
from advisor.web.kept_pages import PageKey
from advisor.web.page_keys import LARGE_TEXTS, number_of

DECISIONS_PER_PAGE = 20
STYLES_SHOWN = (*wording.STYLES.items(), ("neither", "Not feasible"))


@dataclass(frozen=True)
class Selection:
    words: str
    status: str
    style: str
    tag: str

    def error(self) -> str:
        """What is wrong with it; empty if nothing is."""
        for value, offered in ((self.status, Status.choices), (self.style, STYLES_SHOWN)):
            known, titles = zip(*offered, strict=True)
            if value and value not in known:
                return sentence_of(choice_reason(value, titles))
        return ""

    def of(self, decisions: DecisionQuerySet) -> DecisionQuerySet:
        if self.status:
            decisions = decisions.showing(self.status)
        if self.style:
            decisions = decisions.advising(self.style)
        if self.tag:
            decisions = decisions.filter(tags__name=self.tag)
        return decisions.matching(self.words)

    def __bool__(self) -> bool:
        return any((self.words, self.status, self.style, self.tag))


def with_last_run(decisions: DecisionQuerySet) -> DecisionQuerySet:
    last_run = Run.objects.as_advised().filter(revision__decision=OuterRef("pk")).order_by("-created_at")
    return decisions.annotate(last_run_id=Subquery(last_run.values("pk")[:1]))


def statuses_of(workspace: Workspace | Given) -> "QuerySet[Revision, tuple[str, int]]":
    """Each status that decisions of the list have, with their number."""
    shown = Revision.objects.filter(decision__workspace=workspace, decision__archived_at__isnull=True).shown()
    return shown.order_by().values_list("status").annotate(Count("decision", distinct=True))


def tag_names(shown: DecisionQuerySet) -> "QuerySet[Tag, tuple[str]]":
    return Tag.objects.filter(decision__in=shown).order_by("name").values_list("name").distinct()


def _every() -> DecisionQuerySet:
    return Decision.objects.filter(workspace=given_id())


_WORKSPACES = PreparedQuery(
    lambda: (
        Workspace.objects.filter(memberships__user=given_user(0))
        .order_by("memberships__created_at", "memberships__id")
        .values_list(
            "memberships__role",
            *columns(Workspace),
            number_of(Membership.objects.filter(workspace=OuterRef("pk")), "workspace"),
        )
    )
)
_COUNTS = PreparedQuery(
    lambda: (
        _every()
        .order_by()
        .values("workspace")
        .annotate(archived=Count("pk", filter=Q(archived_at__isnull=False)), own=Count("pk", filter=Q(is_demo=False)))
        .values_list("archived", "own")
    )
)
_STATUSES = PreparedQuery(lambda: statuses_of(given_id()).order_by("status"))
_TAG_NAMES = PreparedQuery(lambda: tag_names(_every().filter(archived_at__isnull=True)))
_ARCHIVED_TAG_NAMES = PreparedQuery(lambda: tag_names(_every().filter(archived_at__isnull=False)))
_ON_PAGE: list[Any] = [given_id(place) for place in range(DECISIONS_PER_PAGE)]
_TAGS = PreparedQuery(
    lambda: (
        Tag.objects.filter(decision__pk__in=_ON_PAGE).order_by("decision", "name").values_list("decision_id", "name")
    )
)
_REVISIONS = PreparedQuery(
    lambda: (
        Revision.objects.filter(decision__pk__in=_ON_PAGE)
        .shown()
        .order_by("decision", "number")
        .values_list(*columns(Revision, but=LARGE_TEXTS))
    )
)
_RUNS = PreparedQuery(
    lambda: (
        Run.objects.filter(pk__in=_ON_PAGE)
        .order_by("pk")
        .values_list("pk", "state", "progress_fraction", "revision_id", "revision__number")
    )
)


@lru_cache(maxsize=64)
def _page(selection: Selection, is_archive: bool, number: int) -> PreparedQuery:
    first = (number - 1) * DECISIONS_PER_PAGE
    return PreparedQuery(
        lambda: (
            with_last_run(selection.of(_every().filter(archived_at__isnull=not is_archive)))
            .annotate(total=Window(Count("pk")), maker=F("created_by__username"))
            .values_list("pk", "last_run_id", "total", "maker", *columns(Decision))[first : first + DECISIONS_PER_PAGE]
        )
    )


def key_of_list(request: MemberRequest, selection: Selection, *, is_archive: bool) -> PageKey | None:
    """None if there is no such page, or the user is in no workspace."""
    number = parse_id(request.GET.get("page", "1"))
    workspaces = _WORKSPACES(request.user.pk)
    if not workspaces or not number or selection.error():
        return None
    chosen = request.session.get(CHOSEN)
    role, *workspace = next((row for row in workspaces if str(UUID(str(row[1]))) == chosen), workspaces[0])
    page = _page(selection, is_archive, number)(workspace[0])
    if number > 1 and not page:
        return None
    rows = (
        tuple(workspace),
        page,
        *(query(workspace[0]) for query in (_COUNTS, _STATUSES, _ARCHIVED_TAG_NAMES if is_archive else _TAG_NAMES)),
        *(_of_page(query, page, 0) for query in (_TAGS, _REVISIONS)),
        _of_page(_RUNS, page, 1),
    )
    return PageKey(role in EDITORS, rows)


def _of_page(query: PreparedQuery, page: Rows, column: int) -> Rows:
    """The query takes as many ids as a page has at the most."""
    ids = [row[column] for row in page if row[column] is not None]
    return query(*ids, *ids[:1] * (DECISIONS_PER_PAGE - len(ids))) if ids else ()
