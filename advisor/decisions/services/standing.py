"""The status of a decision, which is that of its revisions."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from advisor.decisions.models import Decision, Revision, Status
from advisor.reports.document.record import standing_words


@dataclass(frozen=True)
class Standing:
    """The revisions that count, by number: the accepted one, the proposed one, and the latest."""

    revisions: tuple[Revision, ...]

    @property
    def latest(self) -> Revision:
        """The revision that holds the current answers."""
        return self.revisions[-1]

    @property
    def accepted(self) -> Revision | None:
        """The revision that was accepted and not superseded."""
        return next((one for one in self.revisions if one.status == Status.ACCEPTED), None)

    @property
    def words(self) -> str:
        """ "Revision 1 accepted; revision 2 is a draft"."""
        statuses = [(one.number, one.status) for one in self.revisions]
        return standing_words(statuses, same_answers=self._is_back_at_same_answers())

    @property
    def label(self) -> str:
        """The same for a list: the status alone if no other revision counts."""
        return Status(self.latest.status).label if len(self.revisions) == 1 else self.words

    def _is_back_at_same_answers(self) -> bool:
        """Whether the latest revision is a draft whose changes were taken back."""
        *before, latest = self.revisions
        return bool(before) and latest.status == Status.DRAFT and latest.answers == before[-1].answers


def standing_of(decision: Decision, latest: Revision | None = None) -> Standing:
    """The decision's standing; `latest` is its latest revision, for who has looked it up already: a first one needs no query."""
    if latest is not None and latest.number == 1:
        return Standing((latest,))
    return standings_of([decision])[decision.pk]


def standings_of(decisions: Iterable[Decision]) -> dict[UUID, Standing]:
    """The standing of each decision, in one query."""
    found: dict[UUID, list[Revision]] = {}
    for revision in Revision.objects.filter(decision__in=list(decisions)).shown().order_by("number"):
        found.setdefault(revision.decision_id, []).append(revision)
    return {key: Standing(tuple(revisions)) for key, revisions in found.items()}
