"""The members of a workspace, and the links that invite more."""

from collections.abc import Mapping
from uuid import UUID

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.teams.access import require_owner, role_in
from advisor.teams.errors import LinkGone
from advisor.teams.limits import INVITATION_DAYS
from advisor.teams.links import absolute_link
from advisor.teams.middleware import MemberRequest, choose_workspace
from advisor.teams.models import Invitation, Membership, Role, User, Workspace
from advisor.teams.services import invitations
from advisor.teams.services.members import change_role, remove_member
from advisor.teams.services.password_resets import open_resets, resettable_by
from advisor.web.access import find_workspace
from advisor.web.forms.sentences import reasons_by_field, sentence_of
from advisor.web.forms.workspaces import invitation_from, role_from
from advisor.web.views.links import PASSWORDS, link_gone, open_link, unseen
from core.errors import InvalidInput

INVITED = "invitation"
"""Where the session keeps the digest of the link that was opened."""


@require_safe
def show(request: MemberRequest, workspace_id: UUID) -> HttpResponse:
    """Members with their roles, and open invitations."""
    return members_page(request, find_workspace(request, workspace_id))


@require_POST
def role(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    """Gives a member another role."""
    workspace = find_workspace(request, workspace_id)
    membership = find_membership(workspace, member_id)
    require_owner(request.user, workspace)
    try:
        change_role(membership, request.user, role_from(request.POST))
    except InvalidInput as error:
        return members_page(
            request, workspace, errors={f"member-{membership.pk}": sentence_of(error.problems[0].reason)}
        )
    return redirect("workspace", workspace_id)


@require_POST
def remove(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    """Puts a member out, or leaves."""
    workspace = find_workspace(request, workspace_id)
    membership = find_membership(workspace, member_id)
    try:
        remove_member(membership, request.user)
    except InvalidInput as error:
        return members_page(
            request, workspace, errors={f"member-{membership.pk}": sentence_of(error.problems[0].reason)}
        )
    left = membership.user_id == request.user.pk
    return redirect("workspaces") if left else redirect("workspace", workspace_id)


@require_POST
@never_cache
def invite(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    """Makes a link and shows it, this once: only its digest is kept."""
    workspace = find_workspace(request, workspace_id)
    require_owner(request.user, workspace)
    try:
        _, token = invitations.invite(workspace, request.user, *invitation_from(request.POST))
    except InvalidInput as error:
        errors = {problem.path: sentence_of(problem.reason) for problem in error.problems}
        return members_page(request, workspace, errors=errors)
    address = reverse("invitation", args=[token])
    return members_page(request, workspace, absolute_link(request, address))


@require_POST
def revoke(request: MemberRequest, workspace_id: UUID, invitation_id: UUID) -> HttpResponseBase:
    """Makes a link void."""
    workspace = find_workspace(request, workspace_id)
    invitation = Invitation.objects.select_related("workspace").filter(workspace=workspace, pk=invitation_id).first()
    if invitation is None:
        raise Http404
    invitations.revoke(invitation, request.user)
    return redirect("workspace", workspace_id)


@login_not_required
@require_safe
def opened(request: HttpRequest, token: str) -> HttpResponseBase:
    """Takes the link out of the address."""
    return open_link(request, token, invitations.find_invitation, INVITED, "join")


@sensitive_post_parameters("password", "again")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponseBase:
    """Who invites to what; whoever is signed in joins, anybody else signs in first or makes an account."""
    try:
        invitation = invitations.find_invitation(request.session.get(INVITED, ""))
        if request.method != "POST":
            return unseen(_join_page(request, invitation))
        if isinstance(request.user, User):
            invitations.accept(invitation, request.user)
        else:
            password, again = request.POST.get("password", ""), request.POST.get("again", "")
            user = invitations.register(invitation, request.POST.get("username", ""), password, again)
            login(request, user, PASSWORDS)
    except LinkGone:
        return link_gone(request)
    except InvalidInput as error:
        return unseen(_join_page(request, invitation, error))
    request.session.pop(INVITED, None)
    choose_workspace(request, invitation.workspace)
    return redirect("home")


def _join_page(request: HttpRequest, invitation: Invitation, refused: InvalidInput | None = None) -> HttpResponse:
    user = request.user
    context = {
        "invitation": invitation,
        "errors": reasons_by_field(refused),
        "username": request.POST.get("username", ""),
        "role_held": role_in(user, invitation.workspace) if isinstance(user, User) else None,
    }
    return render(request, "workspaces/join.html", context, status=422 if refused else 200)


def find_membership(workspace: Workspace, member_id: int) -> Membership:
    """The member of the workspace.

    Raises:
        Http404: if there is none.
    """
    found = Membership.objects.select_related("workspace", "user").filter(workspace=workspace, pk=member_id).first()
    if found is None:
        raise Http404
    return found


def members_page(
    request: MemberRequest,
    workspace: Workspace,
    link: str = "",
    errors: Mapping[str, str] | None = None,
    reset_link: str = "",
    reset_of: User | None = None,
) -> HttpResponse:
    """A workspace, with the link that was just made; where a post was refused, with what was posted and what is wrong with it."""
    held = role_in(request.user, workspace)
    members = workspace.memberships.select_related("user").order_by("created_at", "id")
    may_reset = held is Role.OWNER or request.user.is_superuser
    resettable = (
        resettable_by(request.user).filter(memberships__workspace=workspace) if may_reset else User.objects.none()
    )
    context = {
        "workspace": workspace,
        "role_held": held,
        "is_owner": held is Role.OWNER,
        "may_revoke": held is Role.OWNER or request.user.is_superuser,
        "members": members,
        "only_owner": members.filter(role=Role.OWNER).count() == 1,
        "roles": Role.choices,
        "days": INVITATION_DAYS,
        "invitations": invitations.open_invitations(workspace).select_related("created_by"),
        "link": link,
        "resettable": set(resettable.values_list("pk", flat=True)),
        "resets": {reset.user_id: reset for reset in open_resets(resettable).select_related("created_by")},
        "reset_link": reset_link,
        "reset_of": reset_of,
        "is_local": settings.CONFIGURATION.local,
        "errors": errors or {},
        "role_errors": {member.pk: (errors or {}).get(f"member-{member.pk}", "") for member in members},
        "given": {
            name: request.POST.get(name, default)
            for name, default in (("role", Role.EDITOR), ("days", "7"), ("name", workspace.name))
        },
    }
    response = render(request, "workspaces/show.html", context, status=422 if errors else 200)
    if link or reset_link:
        response["Cache-Control"] = "no-store"
    return response
