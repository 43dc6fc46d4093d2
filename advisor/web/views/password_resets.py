"""Links that let a member set a new password: made by an owner or an administrator, opened by the member."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.teams.errors import LinkGone
from advisor.teams.links import absolute_link
from advisor.teams.middleware import MemberRequest
from advisor.teams.services import password_resets
from advisor.web.access import find_workspace, hosted_only
from advisor.web.forms.sentences import reasons_by_field
from advisor.web.views.links import PASSWORDS, link_gone, open_link, unseen
from advisor.web.views.members import find_membership, members_page
from core.errors import InvalidInput

RESET = "password_reset"
"""Where the session keeps the digest of the link that was opened."""


@require_POST
@hosted_only
def make(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    """Makes a link and shows it, this once: only its digest is kept."""
    workspace = find_workspace(request, workspace_id)
    member = find_membership(workspace, member_id).user
    address = reverse("open-password-reset", args=[password_resets.make_reset(member, request.user)])
    return members_page(request, workspace, reset_link=absolute_link(request, address), reset_of=member)


@require_POST
@hosted_only
def revoke(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    """Makes a member's link void."""
    member = find_membership(find_workspace(request, workspace_id), member_id).user
    password_resets.revoke_resets(member, request.user)
    return redirect("workspace", workspace_id)


@login_not_required
@require_safe
@hosted_only
def opened(request: HttpRequest, token: str) -> HttpResponseBase:
    """Takes the link out of the address."""
    return open_link(request, token, password_resets.find_reset, RESET, "password-reset")


@sensitive_post_parameters("password", "again")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@hosted_only
def reset(request: HttpRequest) -> HttpResponseBase:
    """A new password, twice; then its owner is signed in, and nobody else with the old one."""
    refused = None
    try:
        found = password_resets.find_reset(request.session.get(RESET, ""))
        if request.method == "POST":
            password, again = request.POST.get("password", ""), request.POST.get("again", "")
            user = password_resets.set_password(found, password, again)
            login(request, user, PASSWORDS)
            request.session.pop(RESET, None)
            messages.success(request, "Your new password is set. All other sessions have ended.")
            return redirect("home")
    except LinkGone:
        return link_gone(request)
    except InvalidInput as error:
        refused = error
    context = {"account": found.user, "errors": reasons_by_field(refused)}
    return unseen(render(request, "accounts/reset.html", context, status=422 if refused else 200))
