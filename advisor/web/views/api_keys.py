"""The API keys of a workspace: owners make and revoke them."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from advisor.teams.access import require_owner, role_in
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import ApiKey, ApiScope, Role, Workspace
from advisor.teams.services.api_keys import API_KEY_DAYS, create_api_key, revoke_api_key
from advisor.web.access import find_workspace, hosted_only
from advisor.web.forms.questions import reasons_by_field
from advisor.web.views.members import name_from
from core.errors import InvalidInput

SCOPE_WORDS = {
    ApiScope.READ: "Read decisions, reports and simulations",
    ApiScope.WRITE: "Make decisions",
    ApiScope.RUN: "Start simulations",
}


@require_safe
@hosted_only
def list_keys(request: MemberRequest, workspace_id: UUID) -> HttpResponse:
    return _keys_page(request, _workspace(request, workspace_id))


@require_POST
@hosted_only
@never_cache
def make_key(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    workspace = _workspace(request, workspace_id)
    require_owner(request.user, workspace)
    days = {str(number): number for number in API_KEY_DAYS}.get(request.POST.get("days", ""), 0)
    try:
        _, token = create_api_key(
            workspace, request.user, name_from(request.POST), request.POST.getlist("scopes"), days
        )
    except InvalidInput as error:
        return _keys_page(request, workspace, refused=error)
    return _keys_page(request, workspace, token)


@require_POST
@hosted_only
def revoke_key(request: MemberRequest, workspace_id: UUID, key_id: UUID) -> HttpResponseBase:
    workspace = _workspace(request, workspace_id)
    key = get_object_or_404(ApiKey.objects.select_related("workspace"), workspace=workspace, pk=key_id)
    revoke_api_key(key, request.user)
    return redirect("api-keys", workspace.pk)


def _workspace(request: MemberRequest, workspace_id: UUID) -> Workspace:
    """Raise PermissionDenied unless the user owns it or administers the installation."""
    workspace = find_workspace(request, workspace_id)
    if not request.user.is_superuser:
        require_owner(request.user, workspace)
    return workspace


def _keys_page(
    request: MemberRequest, workspace: Workspace, token: str = "", refused: InvalidInput | None = None
) -> HttpResponse:
    context = {
        "workspace": workspace,
        "keys": ApiKey.objects.open().filter(workspace=workspace).select_related("created_by"),
        "token": token,
        "is_owner": role_in(request.user, workspace) is Role.OWNER,
        "scopes": [(scope.value, words) for scope, words in SCOPE_WORDS.items()],
        "days": API_KEY_DAYS,
        "errors": reasons_by_field(refused),
        "given_name": request.POST.get("name", "") if refused else "",
        "given_scopes": request.POST.getlist("scopes") if refused else [ApiScope.READ],
        "given_days": request.POST.get("days", "") if refused else str(API_KEY_DAYS[1]),
    }
    response = render(request, "workspaces/keys.html", context, status=422 if refused else 200)
    if token:
        response["Cache-Control"] = "no-store"
    return response
