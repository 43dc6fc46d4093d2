"""Workspaces, and the recordings of arrivals that each holds."""

from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.decisions.limits import TRACES_CAP
from advisor.decisions.models import Trace
from advisor.decisions.services.recordings import RecordingUse, delete_trace, find_recording_uses
from advisor.reports.wording import listed
from advisor.teams.access import may_edit, require_member, require_owner, workspaces_of
from advisor.teams.middleware import MemberRequest, choose_workspace
from advisor.teams.models import Workspace
from advisor.teams.services.workspaces import create_workspace, rename_workspace
from advisor.web.access import find_workspace, workspace_of
from advisor.web.forms.questions import first_sentence
from advisor.web.views.members import members_page, name_from
from core.errors import InvalidInput
from core.numbers import count, plural


@require_http_methods(["GET", "HEAD", "POST"])
def list_workspaces(request: MemberRequest) -> HttpResponseBase:
    if request.method != "POST":
        return _workspaces_page(request)
    try:
        workspace = create_workspace(request.user, name_from(request.POST))
    except InvalidInput as error:
        return _workspaces_page(request, request.POST.get("name", ""), first_sentence(error, "It"), 422)
    choose_workspace(request, workspace)
    return redirect("workspace", workspace.pk)


@require_POST
def switch_workspace(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    require_member(request.user, workspace)
    choose_workspace(request, workspace)
    return redirect("home")


@require_POST
def rename(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    require_owner(request.user, workspace)
    try:
        rename_workspace(workspace, request.user, name_from(request.POST))
    except InvalidInput as error:
        return members_page(request, workspace, errors={"name": first_sentence(error)})
    return redirect("workspace", workspace.pk)


def _workspaces_page(request: MemberRequest, name: str = "", error: str = "", status: int = 200) -> HttpResponse:
    context = {
        "workspaces": workspaces_of(request.user),
        "current": workspace_of(request),
        "name": name,
        "error": error,
    }
    return render(request, "workspaces/index.html", context, status=status)


@require_safe
def list_recordings(request: MemberRequest, workspace_id: UUID) -> HttpResponse:
    return _recordings_page(request, find_workspace(request, workspace_id))


@require_POST
def delete_recording(request: MemberRequest, workspace_id: UUID, recording_id: UUID) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    recording = get_object_or_404(Trace.objects.for_workspace(workspace), pk=recording_id)
    try:
        delete_trace(recording, request.user)
    except Trace.DoesNotExist:
        pass  # it was deleted by another user in the meantime
    except InvalidInput as error:
        return _recordings_page(request, workspace, first_sentence(error, recording.name), 422)
    return redirect("recordings", workspace.pk)


def _use_words(use: RecordingUse) -> str:
    parts = []
    if use.current:
        parts.append("uses it")
    if use.earlier:
        parts.append(
            f"used it in {plural(len(use.earlier), 'revision')} {listed([str(number) for number in use.earlier])}"
        )
    if use.simulations:
        parts.append(f"replayed it in {count(use.simulations, 'simulation')}")
    return listed(parts)


def _recordings_page(
    request: MemberRequest, workspace: Workspace, refusal: str = "", status: int = 200
) -> HttpResponse:
    recordings = list(Trace.objects.for_workspace(workspace).select_related("created_by"))
    uses = find_recording_uses(recordings, workspace)
    context = {
        "workspace": workspace,
        "rows": [
            (recording, uses[recording.pk], [(use, _use_words(use)) for use in uses[recording.pk].decisions])
            for recording in recordings
        ],
        "most": TRACES_CAP,
        "refusal": refusal,
        "may_edit": may_edit(request.user, workspace),
    }
    return render(request, "workspaces/recordings.html", context, status=status)
