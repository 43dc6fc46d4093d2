"""Comments, and the record of a decision's status."""

import pytest
from django.core.exceptions import PermissionDenied

from advisor.decisions.limits import COMMENT_LENGTH
from advisor.decisions.models import Comment, Decision, Status, StatusChange
from advisor.decisions.services.decisions import add_comment, change_status, delete_comment
from advisor.decisions.services.revisions import save_answers
from advisor.teams.models import User
from core.errors import InvalidInput


def test_every_member_may_comment_and_no_outsider(decision: Decision, alice: User, vera: User, charlie: User) -> None:
    for member in (alice, vera):
        add_comment(decision, member, "A word")
    with pytest.raises(PermissionDenied):
        add_comment(decision, charlie, "A word")
    assert list(decision.comments.values_list("author__username", flat=True)) == ["alice", "vera"]


def test_a_comment_keeps_its_lines_and_loses_what_cannot_be_seen(decision: Decision, vera: User) -> None:
    comment = add_comment(decision, vera, "  <b>one</b>\r\n\u202etwo\x00\n\n")
    assert comment.text == "<b>one</b>\ntwo"


@pytest.mark.parametrize("text", ["", " \n\u200b ", "x" * (COMMENT_LENGTH + 1)])
def test_an_empty_or_endless_comment_is_refused(decision: Decision, vera: User, text: str) -> None:
    with pytest.raises(InvalidInput):
        add_comment(decision, vera, text)
    assert not Comment.objects.exists()


def test_only_the_author_or_an_owner_deletes(
    decision: Decision, alice: User, bob: User, vera: User, charlie: User
) -> None:
    for who, allowed in ((charlie, False), (bob, False), (alice, True)):
        comment = add_comment(decision, vera, "A word")
        if allowed:
            delete_comment(comment, who)
        else:
            with pytest.raises(PermissionDenied):
                delete_comment(comment, who)
    delete_comment(Comment.objects.earliest("created_at"), vera)
    assert Comment.objects.count() == 1


def test_a_change_of_status_is_on_record_with_its_revision(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.PROPOSED)
    change_status(decision, bob, Status.PROPOSED)
    change = StatusChange.objects.get()
    assert (change.before, change.after, change.changed_by) == ("draft", "proposed", bob)
    assert change.revision == decision.latest()
    assert decision.latest().frozen


def test_what_was_accepted_is_frozen(decision: Decision, bob: User) -> None:
    change_status(decision, bob, Status.ACCEPTED)
    assert decision.latest().frozen
    save_answers(decision, {"processing": {"p95_s": 90}}, bob, decision.draft_version)
    assert [revision.number for revision in decision.revisions.all()] == [1, 2]
    assert StatusChange.objects.get().revision.number == 1
