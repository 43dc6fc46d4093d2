"""Who may do what, and in which workspace they are."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from advisor.teams.access import may_edit, require_editor, role_in
from advisor.teams.middleware import CurrentWorkspace, choose_workspace
from advisor.teams.models import Membership, Role, User, Workspace
from tests.conftest import member


def test_only_owners_and_editors_may_edit(
    workspace: Workspace, alice: User, bob: User, vera: User, charlie: User
) -> None:
    assert [may_edit(person, workspace) for person in (alice, bob, vera, charlie)] == [True, True, False, False]
    assert role_in(vera, workspace) is Role.VIEWER
    for refused in (vera, charlie):
        with pytest.raises(PermissionDenied):
            require_editor(refused, workspace)


def test_a_superuser_who_is_no_member_may_not_edit(workspace: Workspace) -> None:
    assert not may_edit(User.objects.create_superuser("root"), workspace)


def test_one_person_has_one_role_in_a_workspace(workspace: Workspace, alice: User) -> None:
    with pytest.raises(IntegrityError):
        Membership.objects.create(user=alice, workspace=workspace, role=Role.VIEWER)


def test_a_role_that_does_not_exist_is_refused_by_the_database(workspace: Workspace, charlie: User) -> None:
    with pytest.raises(IntegrityError):
        Membership.objects.create(user=charlie, workspace=workspace, role="emperor")


def workspace_seen_by(person: User | AnonymousUser, chosen: Workspace | None = None) -> Workspace:
    request = RequestFactory().get("/")
    request.user = person
    request.session = SessionStore()
    if chosen:
        choose_workspace(request, chosen)
    seen: list[Workspace] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(Workspace.objects.get(pk=request.workspace.pk))
        return HttpResponse()

    CurrentWorkspace(view)(request)
    return seen[0]


def test_the_workspace_is_the_one_joined_first(workspace: Workspace, bob: User) -> None:
    member("bob", Workspace.objects.create(name="Later"), Role.OWNER)
    assert workspace_seen_by(bob) == workspace


@pytest.mark.django_db
def test_a_user_without_a_workspace_is_refused() -> None:
    with pytest.raises(PermissionDenied):
        workspace_seen_by(User.objects.create_user("newcomer"))
    with pytest.raises(PermissionDenied):
        workspace_seen_by(AnonymousUser())


def test_the_chosen_workspace_is_the_current_one_while_one_is_a_member(
    workspace: Workspace, bob: User, charlie: User
) -> None:
    later = Workspace.objects.create(name="Later")
    member("bob", later, Role.VIEWER)
    elsewhere = charlie.workspaces.get()
    assert workspace_seen_by(bob, later) == later
    assert workspace_seen_by(bob, elsewhere) == workspace
    Membership.objects.get(user=bob, workspace=later).delete()
    assert workspace_seen_by(bob, later) == workspace
