"""New decisions: from a template, from a recording, from an answer sheet."""

from collections.abc import Iterable
from functools import cache
from uuid import uuid4

from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe

from advisor.advice.contract import Recommendation
from advisor.advice.evaluation import Evaluation
from advisor.advice.recommendation import recommend
from advisor.advice.templates import TEMPLATES
from advisor.decisions.errors import UploadTooLarge
from advisor.decisions.services.decisions import create_decision, free_title, look_at_template
from advisor.decisions.services.recordings import keep_upload, replace_recording_name
from advisor.decisions.services.simulated_advice import find_typical
from advisor.teams.access import require_editor
from advisor.teams.middleware import MemberRequest
from advisor.web.decision_page import decision_context
from advisor.web.forms.questions import sentence_of
from advisor.web.request_limits import limit_upload
from advisor.web.views.answers import (
    UPLOAD_BYTES,
    answers_in_sheet,
    file_text,
    given_file,
    require_readable,
    trace_problem,
)
from core.errors import InvalidInput


@require_safe
def new_decision(request: MemberRequest) -> HttpResponse:
    require_editor(request.user, request.workspace)
    return _offers(request)


@require_safe
def show_template(request: MemberRequest, template: str) -> HttpResponse:
    """The page of the decision that the template would make; it is stored with the first answer that is changed."""
    if template not in TEMPLATES:
        raise Http404
    revision = look_at_template(request.workspace, request.user, template, uuid4())
    return render(request, "decisions/show.html", decision_context(request, revision.decision, revision))


def _template_answers(request: MemberRequest, template: str) -> dict[str, str]:
    return {"template": template, "name": free_title(request.workspace, TEMPLATES[template].answers.name)}


@csrf_exempt
@require_POST
def start_from_recording(request: MemberRequest) -> HttpResponseBase:
    """The limit on the size is set before anything reads the request; only then is the token checked."""
    require_editor(request.user, request.workspace)
    limit_upload(request)
    try:
        return _start_from_recording(request)
    except UploadTooLarge as error:
        return _offers(request, sentence_of(str(error)), 413)


@csrf_protect
def _start_from_recording(request: MemberRequest) -> HttpResponseBase:
    file, template = request.FILES.get("trace"), request.POST.get("template", "")
    if not isinstance(file, UploadedFile) or template not in TEMPLATES:
        return _offers(request, "Choose a file and a template first.", 422)
    try:
        upload = keep_upload(request.workspace, request.user, file.name or "", file.chunks())
        require_readable(upload)
    except InvalidInput as error:
        return _offers(request, " ".join(sentence_of(trace_problem(problem).reason) for problem in error.problems), 422)
    decision = create_decision(request.workspace, request.user, _template_answers(request, template))
    return redirect("review-recording", decision.pk, upload.pk)


@csrf_exempt
@require_POST
def start_from_answers(request: MemberRequest) -> HttpResponseBase:
    """A decision from an answer sheet. The limit on the size is set before anything reads the request."""
    require_editor(request.user, request.workspace)
    limit_upload(request, UPLOAD_BYTES)
    try:
        return _start_from_answers(request)
    except UploadTooLarge as error:
        return _offers(request, sentence_of(str(error)), 413)


@csrf_protect
def _start_from_answers(request: MemberRequest) -> HttpResponseBase:
    data, name = given_file(request)
    try:
        given = answers_in_sheet(data, name)
        replace_recording_name(given, request.workspace)
        decision = create_decision(request.workspace, request.user, given)
    except InvalidInput as error:
        problems = [str(problem) for problem in error.problems]
        return _offers(request, "No decision was made. To correct:", 422, problems, file_text(data))
    return redirect("decision", decision.pk)


def _offers(
    request: MemberRequest, error: str = "", status: int = 200, problems: Iterable[str] = (), text: str = ""
) -> HttpResponse:
    """The ways to a new decision; `text` is an answer sheet that was refused."""
    offers = [(template, _typical(name)) for name, template in TEMPLATES.items()]
    context = {"offers": offers, "error": error, "problems": problems, "sheet_text": text}
    return render(request, "decisions/new.html", context, status=status)


@cache
def _typical_by_forces(template: str) -> Recommendation:
    return recommend(Evaluation.from_answers(TEMPLATES[template].answers), flips=False)


def _typical(template: str) -> Recommendation:
    """The advice on a template's own answers, with its evidence as soon as they have been simulated in this process."""
    return find_typical(template) or _typical_by_forces(template)
