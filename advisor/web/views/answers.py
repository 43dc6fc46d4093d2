"""Answers that are changed by typing, by a recording of arrivals or by a file, downloaded, and simulated."""

from typing import Literal
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.text import slugify
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget, trigger_client_event

from advisor.advice.library_overrides import Library
from advisor.advice.yaml_json import LARGEST_BYTES, as_json, as_yaml, document_kind, read_mapping
from advisor.decisions import jobs
from advisor.decisions.errors import StaleVersion, UploadTooLarge
from advisor.decisions.models import Decision, Revision, Run
from advisor.decisions.services.library import library_of
from advisor.decisions.services.recordings import describe_recording, recording_of, replace_recording_name, upload_trace
from advisor.decisions.services.requests import IDEMPOTENCY_KEY
from advisor.decisions.services.revisions import drop_trace, save_answers, step_answers, use_trace
from advisor.decisions.services.runs import RunRequest
from advisor.reports.document.record import answers_on_file
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_decision
from advisor.web.decision_page import Changes, changes, decision_context, version_of
from advisor.web.forms.fields import groups_of
from advisor.web.forms.posts import apply_certainty_choices, externally_changed_fields, given_from, valid_from
from advisor.web.forms.questions import sentence_of
from advisor.web.forms.run_options import RunOptions, save_run_options
from advisor.web.request_limits import limit_upload
from core.errors import InvalidInput, Problem

ADVISED = "advised"
"""An event: a page whose choice is a live run fetches its plan again."""
RECORDING_LOST = (
    "These answers used a recording that has been deleted since. They are back with its rate and peaks, without it."
)
QUEUE_IS_SILENT = "The run is saved. The queue does not answer right now; it starts by itself once the queue is back."


@require_POST
def save_typed(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Saves what was typed, and shows what the advice makes of it."""
    decision = editable_decision(request, decision_id)
    before = decision.latest()
    own = library_of(decision.workspace)
    save_run_options(request, decision)
    post, chosen = apply_certainty_choices(request.POST, before.answers)
    try:
        after = _saved(request, decision, before, post, own)
    except InvalidInput as error:
        return _refused(request, decision, before, error.problems, post, chosen, own=own)
    except StaleVersion as error:
        return _conflict(request, decision, before, error)
    running = RunOptions.of(request.POST)
    if running.errors:
        return _not_started(request, decision, after, running)
    return _shown(request, decision, before, after, post, chosen, own=own)


@require_POST
def simulate(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Saves what was typed and simulates it. The same press twice is the same run."""
    decision = editable_decision(request, decision_id)
    key = request.POST.get("idempotency_key", "")
    is_key = IDEMPOTENCY_KEY.fullmatch(key)
    earlier = Run.objects.for_workspace(decision.workspace).filter(idempotency_key=key).first() if is_key else None
    if earlier:
        return _went_to(request, earlier)
    before = decision.latest()
    save_run_options(request, decision)
    own = library_of(decision.workspace)
    try:
        revision = _saved(request, decision, before, apply_certainty_choices(request.POST, before.answers)[0], own)
    except InvalidInput as error:
        return _refused(request, decision, decision.latest(), error.problems, own=own, insist=True)
    except StaleVersion as error:
        return _conflict(request, decision, before, error)
    return _started(request, decision, revision, key)


def _started(request: MemberRequest, decision: Decision, revision: Revision, key: str) -> HttpResponseBase:
    running = RunOptions.of(request.POST)
    if running.errors:
        return _not_started(request, decision, revision, running)
    try:
        asked = RunRequest(
            engine=running.engine,
            speed=running.speed_asked,
            seconds=running.seconds_asked,
            workers=running.workers_asked,
            endpoint=running.endpoint_asked,
        )
        started = jobs.start_run(revision, request.user, asked, idempotency_key=key)
    except InvalidInput as error:
        return _not_started(request, decision, revision, running.refused(error))
    except StaleVersion as error:
        return _conflict(request, decision, revision, error)
    if started.notified is False:
        messages.info(request, QUEUE_IS_SILENT)
    return _went_to(request, started.run)


def _not_started(request: MemberRequest, decision: Decision, revision: Revision, running: RunOptions) -> HttpResponse:
    context = decision_context(request, decision, revision, running=running) | {"insist": True}
    context["changes"] = Changes([], [])
    template = "decisions/_saved.html" if request.htmx else "decisions/show.html"
    return render(request, template, context, status=422)


@require_POST
def step_history(request: MemberRequest, decision_id: UUID, direction: Literal["undo", "redo"]) -> HttpResponseBase:
    """Takes the last change back, or brings it back again.

    What was typed and not yet saved is the last change. Text that is no answer gives way by itself: the valid answers typed with it are saved.
    """
    decision = editable_decision(request, decision_id)
    before = decision.latest()
    own = library_of(decision.workspace)
    post, _ = apply_certainty_choices(request.POST, before.answers)
    typed, refused = valid_from(post, before.answers, own)
    try:
        after, lost = before, False
        if typed != before.answers:
            after = save_answers(decision, typed.model_dump(), request.user, version_of(request), own=own)
            version = decision.draft_version
        else:
            version = version_of(request)
        if direction == "redo" or not refused:
            after, lost = step_answers(decision, request.user, version, direction, own=own)
    except InvalidInput as error:
        return _refused(request, decision, before, error.problems, own=own)
    except StaleVersion as error:
        return _conflict(request, decision, before, error)
    return _shown(request, decision, before, after, own=own, notice=RECORDING_LOST if lost else "")


@csrf_exempt
@require_POST
def upload_recording(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Takes in a recording. The limit on its size is laid before anything reads the request; only then comes the token."""
    decision = editable_decision(request, decision_id)
    limit_upload(request)
    try:
        return _upload(request, decision)
    except UploadTooLarge as error:
        return _refused(request, decision, decision.latest(), [Problem("volume.trace", str(error))], status=413)


@csrf_protect
def _upload(request: MemberRequest, decision: Decision) -> HttpResponseBase:
    before = decision.latest()
    own = library_of(decision.workspace)
    file = request.FILES.get("trace")
    try:
        if not isinstance(file, UploadedFile):
            raise InvalidInput([Problem("volume.trace", "choose a CSV file first")])
        trace = upload_trace(decision.workspace, request.user, file.name or "", file.chunks())
        after = use_trace(decision, trace, request.user, version_of(request), own=own)
    except InvalidInput as error:
        problems = [_about_trace(problem) for problem in error.problems]
        return _refused(request, decision, before, problems, own=own)
    except StaleVersion as error:
        return _conflict(request, decision, before, error)
    return _shown(request, decision, before, after, own=own)


@require_POST
def forget_recording(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    decision = editable_decision(request, decision_id)
    before = decision.latest()
    own = library_of(decision.workspace)
    try:
        after = drop_trace(decision, request.user, version_of(request), own=own)
    except StaleVersion as error:
        return _conflict(request, decision, before, error)
    return _shown(request, decision, before, after, own=own)


def _saved(request: MemberRequest, decision: Decision, before: Revision, post: QueryDict, own: Library) -> Revision:
    return save_answers(decision, given_from(post, before.answers, own), request.user, version_of(request), own=own)


def _about_trace(problem: Problem) -> Problem:
    if problem.path.startswith("volume."):
        return problem
    reason = sentence_of(problem.reason, "The file")
    row = f"Row {problem.line:,}: " if problem.line else ""
    return Problem("volume.trace", f"{row}{reason[:1].lower()}{reason[1:]}" if row else reason)


def _shown(
    request: MemberRequest,
    decision: Decision,
    before: Revision,
    after: Revision,
    post: QueryDict | None = None,
    chosen: frozenset[str] = frozenset(),
    *,
    own: Library,
    notice: str = "",
) -> HttpResponseBase:
    """Show the saved answers. `post` is what the page shows; in `chosen` fields it shows something else; `notice` is a sentence next to them."""
    if not request.htmx:
        if notice:
            messages.info(request, notice)
        return redirect("decision", decision.pk)
    context = decision_context(request, decision, after, own=own)
    shown = request.POST if post is None else post
    elsewhere = externally_changed_fields(shown, before.answers, after.answers, own) | chosen
    old = groups_of(before.answers, recommendation=before.recommendation, own=own)
    context |= {"changes": changes(old, context["groups"], elsewhere, shown), "notice": notice}
    response = render(request, "decisions/_saved.html", context)
    return trigger_client_event(response, ADVISED, after="settle") if context["running"].live else response


def _refused(
    request: MemberRequest,
    decision: Decision,
    before: Revision,
    problems: "list[Problem] | tuple[Problem, ...]",
    post: QueryDict | None = None,
    chosen: frozenset[str] = frozenset(),
    status: int = 422,
    own: Library | None = None,
    insist: bool = False,
) -> HttpResponse:
    """The page with what is wrong; `insist` where the answers are asked for now, so that the page leads to the first fault."""
    context = decision_context(request, decision, before, request.POST if post is None else post, problems, own)
    context["insist"] = insist
    fields = [field for group in context["groups"] for field in group.fields if field.question.path in chosen]
    context["changes"] = Changes(fields, [])
    template = "decisions/_saved.html" if request.htmx else "decisions/show.html"
    return render(request, template, context, status=status)


def _conflict(request: MemberRequest, decision: Decision, before: Revision, error: StaleVersion) -> HttpResponse:
    if request.htmx:
        context = {"decision": decision, "conflict": str(error)}
        response = render(request, "decisions/_fragments.html#conflict", context, status=409)
        return reswap(retarget(response, "#conflict"), "innerHTML")
    context = decision_context(request, decision, before, request.POST) | {"conflict": str(error)}
    return render(request, "decisions/show.html", context, status=409)


def _went_to(request: MemberRequest, run: Run) -> HttpResponseBase:
    response = redirect("run", run.pk)
    return HttpResponseClientRedirect(response.url) if request.htmx else response


UPLOAD_BYTES = 1 << 20
"""What is read of an upload at all; a file of answers may be smaller still."""
WRITERS = {"yaml": (as_yaml, "application/yaml"), "json": (as_json, "application/json")}
PASTED = "What was pasted"


@require_safe
def download_answers(request: MemberRequest, decision_id: UUID, extension: str) -> HttpResponse:
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
def replace_answers(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Puts what was pasted or uploaded in place of the answers. The limit on its size is laid before anything reads the request."""
    decision = editable_decision(request, decision_id)
    limit_upload(request, UPLOAD_BYTES)
    try:
        return _replace(request, decision)
    except UploadTooLarge as error:
        return _file_refused(request, decision, "", [Problem("", str(error))], 413)


@csrf_protect
def _replace(request: MemberRequest, decision: Decision) -> HttpResponseBase:
    data, name = _given_file(request)
    try:
        given = read_mapping(data, name)
        if not given:
            raise InvalidInput([Problem("", f"{name} holds no answers")])
        if document_kind(given) == "scenario":
            raise InvalidInput([Problem("", f"{name} holds a Scenario; Answers are wanted here")])
        replace_recording_name(given, decision)
        save_answers(decision, given, request.user, version_of(request))
    except InvalidInput as error:
        return _file_refused(request, decision, _file_text(data), list(error.problems), 422)
    except StaleVersion as error:
        return _file_refused(request, decision, _file_text(data), [Problem("", str(error))], 409)
    return redirect("decision", decision.pk)


def _given_file(request: MemberRequest) -> tuple[bytes, str]:
    file = request.FILES.get("file")
    if isinstance(file, UploadedFile) and file.size:
        return file.read(LARGEST_BYTES + 1), "The JSON file" if (file.name or "").endswith(".json") else "The file"
    return request.POST.get("text", "").encode("utf-8", "replace"), PASTED


def _file_text(data: bytes) -> str:
    return data[:LARGEST_BYTES].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _file_refused(
    request: MemberRequest, decision: Decision, text: str, problems: list[Problem], status: int
) -> HttpResponse:
    context = decision_context(request, decision, decision.latest()) | {"file_text": text, "file_problems": problems}
    return render(request, "decisions/show.html", context, status=status)
