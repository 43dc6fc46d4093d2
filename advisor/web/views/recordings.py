"""A workspace's recordings of arrivals: what they hold, what uses them, and room for more."""

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from advisor.decisions.limits import TRACES_CAP
from advisor.decisions.models import Trace
from advisor.decisions.services.recordings import Use, delete_trace, find_recording_uses
from advisor.reports.wording import listed
from advisor.teams.middleware import MemberRequest
from advisor.teams.models import Workspace
from advisor.web.access import find_workspace, may_change
from advisor.web.forms.sentences import sentence_of
from core.errors import InvalidInput
from core.numbers import count, plural


@require_safe
def index(request: MemberRequest, workspace_id: UUID) -> HttpResponse:
    """All of them, the newest first."""
    return _page(request, find_workspace(request, workspace_id))


@require_POST
def delete(request: MemberRequest, workspace_id: UUID, recording_id: UUID) -> HttpResponseBase:
    """Deletes one that nothing rests on; where something does, the page says what."""
    workspace = find_workspace(request, workspace_id)
    recording = Trace.objects.for_workspace(workspace).filter(pk=recording_id).first()
    if recording is None:
        raise Http404
    try:
        delete_trace(recording, request.user)
    except Trace.DoesNotExist:
        pass  # somebody else was first: it is gone, as was asked
    except InvalidInput as error:
        return _page(request, workspace, sentence_of(error.problems[0].reason, recording.name), 422)
    return redirect("recordings", workspace.pk)


def _words(use: Use) -> str:
    """What a decision has to do with a recording."""
    told = []
    if use.current:
        told.append("uses it")
    if use.earlier:
        told.append(
            f"used it in {plural(len(use.earlier), 'revision')} {listed([str(number) for number in use.earlier])}"
        )
    if use.simulations:
        told.append(f"replayed it in {count(use.simulations, 'simulation')}")
    return listed(told)


def _page(request: MemberRequest, workspace: Workspace, refusal: str = "", status: int = 200) -> HttpResponse:
    recordings = list(Trace.objects.for_workspace(workspace).select_related("created_by"))
    uses = find_recording_uses(recordings, workspace)
    context = {
        "workspace": workspace,
        "rows": [
            (recording, uses[recording.pk], [(use, _words(use)) for use in uses[recording.pk].decisions])
            for recording in recordings
        ],
        "most": TRACES_CAP,
        "refusal": refusal,
        "may_edit": may_change(request, workspace),
    }
    return render(request, "workspaces/recordings.html", context, status=status)
