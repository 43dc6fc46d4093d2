"""Workspaces: the ones that one is in, begun, renamed, and the current one chosen."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from advisor.teams.access import require_member, require_owner, workspaces_of
from advisor.teams.middleware import MemberRequest, choose_workspace
from advisor.teams.services.workspaces import create_workspace, rename_workspace
from advisor.web.access import find_workspace, workspace_of
from advisor.web.forms.sentences import sentence_of
from advisor.web.forms.workspaces import name_from
from advisor.web.views.members import members_page
from core.errors import InvalidInput


@require_http_methods(["GET", "HEAD", "POST"])
def index(request: MemberRequest) -> HttpResponseBase:
    """The workspaces that one is in; and one more, which becomes the current one."""
    if request.method != "POST":
        return _page(request)
    try:
        workspace = create_workspace(request.user, name_from(request.POST))
    except InvalidInput as error:
        return _page(request, request.POST.get("name", ""), sentence_of(error.problems[0].reason, "It"), 422)
    choose_workspace(request, workspace)
    return redirect("workspace", workspace.pk)


@require_POST
def switch(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    """Makes it the current one."""
    workspace = find_workspace(request, workspace_id)
    require_member(request.user, workspace)
    choose_workspace(request, workspace)
    return redirect("home")


@require_POST
def rename(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    """Gives it another name."""
    workspace = find_workspace(request, workspace_id)
    require_owner(request.user, workspace)
    try:
        rename_workspace(workspace, request.user, name_from(request.POST))
    except InvalidInput as error:
        return members_page(request, workspace, errors={"name": sentence_of(error.problems[0].reason)})
    return redirect("workspace", workspace.pk)


def _page(request: MemberRequest, name: str = "", error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "workspaces": workspaces_of(request.user),
        "current": workspace_of(request),
        "name": name,
        "error": error,
    }
    return render(request, "workspaces/index.html", context, status=status)
