"""Answers taken away as a file, and put in place of a decision's own."""

from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from advisor.advice.reading import LARGEST_BYTES, kind_of, read_mapping
from advisor.advice.writing import as_json, as_yaml
from advisor.decisions.errors import StaleVersion, UploadTooLarge
from advisor.decisions.models import Decision
from advisor.decisions.services.recordings import describe_recording, recording_of, with_recording_by_id
from advisor.decisions.services.revisions import save_answers
from advisor.reports.document.recording import answers_on_file
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_decision
from advisor.web.decision_page import page_of, version_of
from advisor.web.uploads import limit_upload
from core.errors import InvalidInput, Problem

UPLOAD_BYTES = 1 << 20
"""What is read of an upload at all; a file of answers may be smaller still."""
WRITERS = {"yaml": (as_yaml, "application/yaml"), "json": (as_json, "application/json")}
PASTED = "What was pasted"


@require_safe
def download(request: MemberRequest, decision_id: UUID, extension: str) -> HttpResponse:
    """The answers as they stand, as a file that the command line and this page read: a recording by its file's name."""
    if extension not in WRITERS:
        raise Http404
    decision = find_decision(request, decision_id)
    write, content_type = WRITERS[extension]
    revision = decision.latest()
    trace = recording_of(revision)
    answers = answers_on_file(revision.answers, describe_recording(trace) if trace else None)
    response = HttpResponse(write(answers), content_type=f"{content_type}; charset=utf-8")
    name = f"{slugify(answers.name)[:60] or 'decision'}-answers.{extension}"
    response["Content-Disposition"] = content_disposition_header(True, name)
    response["Cache-Control"] = "private, no-store"
    return response


@csrf_exempt
@require_POST
def replace(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Puts what was pasted or uploaded in place of the answers. The limit on its size is laid before anything reads the request."""
    decision = editable_decision(request, decision_id)
    limit_upload(request, UPLOAD_BYTES)
    try:
        return _replace(request, decision)
    except UploadTooLarge as error:
        return _refused(request, decision, "", [Problem("", str(error))], 413)


@csrf_protect
def _replace(request: MemberRequest, decision: Decision) -> HttpResponseBase:
    data, name = _given(request)
    try:
        given = read_mapping(data, name)
        if not given:
            raise InvalidInput([Problem("", f"{name} holds no answers")])
        if kind_of(given) == "scenario":
            raise InvalidInput([Problem("", f"{name} holds a Scenario; Answers are wanted here")])
        with_recording_by_id(given, decision)
        save_answers(decision, given, request.user, version_of(request))
    except InvalidInput as error:
        return _refused(request, decision, _text(data), list(error.problems), 422)
    except StaleVersion as error:
        return _refused(request, decision, _text(data), [Problem("", str(error))], 409)
    return redirect("decision", decision.pk)


def _given(request: MemberRequest) -> tuple[bytes, str]:
    """The file where there is one, else what was pasted; and what to call it."""
    file = request.FILES.get("file")
    if isinstance(file, UploadedFile) and file.size:
        return file.read(LARGEST_BYTES + 1), "The JSON file" if (file.name or "").endswith(".json") else "The file"
    return request.POST.get("text", "").encode("utf-8", "replace"), PASTED


def _text(data: bytes) -> str:
    """What was given, to be shown and mended."""
    return data[:LARGEST_BYTES].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _refused(
    request: MemberRequest, decision: Decision, text: str, problems: list[Problem], status: int
) -> HttpResponse:
    context = page_of(request, decision, decision.latest()) | {"file_text": text, "file_problems": problems}
    return render(request, "decisions/show.html", context, status=status)
