"""Answers that are changed by typing, by a recording of arrivals or by a file, and simulated."""

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, wraps
from typing import Any, Literal
from uuid import UUID

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError
from django.http import HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, replace_url, reswap, retarget, trigger_client_event

from advisor.advice.answers import answers_from
from advisor.advice.library_overrides import Library
from advisor.advice.yaml_json import LARGEST_BYTES, LARGEST_REPORT_BYTES, document_kind, read_mapping
from advisor.decisions import jobs
from advisor.decisions.errors import StaleVersion, UploadTooLarge
from advisor.decisions.models import Decision, RecordingUpload, Revision, Run
from advisor.decisions.services.decisions import create_decision
from advisor.decisions.services.library import library_of
from advisor.decisions.services.page_slots import PAGE_SLOTS
from advisor.decisions.services.recordings import (
    benchmark_of_upload,
    columns_of_upload,
    keep_upload,
    read_upload,
    recording_of,
    replace_recording_name,
)
from advisor.decisions.services.requests import IDEMPOTENCY_KEY
from advisor.decisions.services.revisions import drop_trace, save_answers, step_answers
from advisor.decisions.services.simulated_advice import advise_revision
from advisor.teams.middleware import MemberRequest
from advisor.web.access import editable_decision, find_latest
from advisor.web.decision_page import OLDER, Changes, changes, decision_context, version_of
from advisor.web.forms.fields import groups_of
from advisor.web.forms.posts import apply_certainty_choices, externally_changed_fields, given_from, valid_from
from advisor.web.forms.questions import sentence_of
from advisor.web.forms.run_options import RunOptions, save_run_options
from advisor.web.request_limits import limit_upload
from core.errors import InvalidInput, Problem
from simulator.recordings.understanding import Corrections, RecordingQuestion
from simulator.traces import TraceError

log = logging.getLogger(__name__)

ADVISED = "advised"
"""An event: a page whose choice is a live run fetches its plan again."""
RECORDING_LOST = (
    "These answers used a recording that has been deleted since. They are back with its rate and peaks, without it."
)
UNDER_WAY = "under_way"
"""In what a page sends on its way out, if it leaves without the response to a request before it."""
VERSIONS_UNDER_WAY = 2
"""Which that request may have made: undo saves what was typed, and takes one step."""
PLAN_PATIENCE_S = 2.0
"""How long a simulation that is asked for right after typing waits for the plan; without one it has all consumers that are allowed."""
CREATE = "create"
"""In a post that makes a decision of a template even if no answer differs."""
QUEUE_IS_SILENT = "The run is saved. The queue does not answer right now; it starts by itself once the queue is back."


class AnswersEdit:
    """A change of a decision's answers, and the responses to it."""

    insist = False
    """Whether the answers are needed now, so that the page leads to the first fault."""
    is_created = False
    """Whether it stored the decision, of which the page showed the template until now."""
    chosen: frozenset[str] = frozenset()
    """Paths of the fields in which the page shows something else than what was typed."""

    def __init__(self, request: MemberRequest, before: Revision) -> None:
        self.request = request
        self.decision = before.decision
        self.before = before
        self.shown, self.shown_title = before, before.decision.title

    @cached_property
    def own(self) -> Library:
        return library_of(self.decision.workspace)

    @cached_property
    def post(self) -> QueryDict:
        return self.request.POST

    @property
    def is_new(self) -> bool:
        """Whether the page shows a template, of which no decision is made yet."""
        return self.decision._state.adding

    def store(self) -> None:
        """Make the decision, if there is none yet."""
        if not self.is_new:
            return
        first = {"template": self.before.answers.template, "name": self.before.answers.name}
        try:
            create_decision(self.decision.workspace, self.request.user, first, key=self.decision.pk)
        except IntegrityError:
            log.info("Another request has made the decision %s", self.decision.pk)
        self.decision = editable_decision(self.request, self.decision.pk)
        self.is_created = True

    def save(self, post: QueryDict, *, always: bool = False) -> Revision:
        """Save what was posted. A template becomes a decision with the first answer that differs from its own, or `always`."""
        if self.is_new:
            answers = answers_from(given_from(post, self.before.answers, self.own))
            if answers == self.before.answers and not always:
                return self.before
            self.store()
        version = version_of(self.request)
        try:
            return self._save_on(version, post)
        except StaleVersion as error:
            if UNDER_WAY not in post or not 0 < error.current - version <= VERSIONS_UNDER_WAY:
                raise
            self.before = self.decision.latest()
            return self._save_on(error.current, post)

    def _save_on(self, version: int, post: QueryDict) -> Revision:
        given = given_from(post, self.before.answers, self.own)
        return save_answers(self.decision, given, self.request.user, version, own=self.own)

    def saved(self, after: Revision, notice: str = "") -> HttpResponseBase:
        """The page with the saved answers; `notice` is a sentence next to them."""
        if not self.request.htmx:
            if notice:
                messages.info(self.request, notice)
            if self.is_new:
                return redirect("template", after.answers.template)
            return redirect("decision", self.decision.pk)
        context = decision_context(self.request, self.decision, after, own=self.own)
        response = self._page(context | {"changes": self._changes(context), "notice": notice}, 200)
        return trigger_client_event(response, ADVISED, after="settle") if context["run_options"].live else response

    def refused(self, problems: Iterable[Problem], status: int = 422) -> HttpResponse:
        context = decision_context(self.request, self.decision, self.before, self.post, problems, self.own)
        if self.request.htmx and "version" in self.post:  # the page still shows that one, and a conflict has to be seen
            context["version_in_page"] = self.post["version"]
        fields = [field for group in context["groups"] for field in group.fields if field.question.path in self.chosen]
        return self._page(context | {"insist": self.insist, "changes": Changes(fields)}, status)

    def not_started(self, revision: Revision, options: RunOptions) -> HttpResponse:
        context = decision_context(self.request, self.decision, revision, run_options=options)
        return self._page(context | {"insist": True, "changes": self._changes(context)})

    def _changes(self, context: Mapping[str, Any]) -> Changes:
        """From what the page showed when the request was made."""
        before, after = self.shown, context["revision"]
        changed = externally_changed_fields(self.post, before.answers, after.answers, self.own) | self.chosen
        return changes(
            groups_of(before.answers, recommendation=before.recommendation, own=self.own),
            context["groups"],
            changed,
            self.post,
            title=self.decision.title != self.shown_title,
            status=self.is_created or after.number != before.number,
        )

    def conflict(self, error: StaleVersion) -> HttpResponse:
        if self.request.htmx:
            context = {"decision": self.decision, "conflict": str(error)}
            response = render(self.request, "decisions/_fragments.html#conflict", context, status=409)
            return reswap(retarget(response, "#conflict"), "innerHTML")
        context = decision_context(self.request, self.decision, self.before, self.request.POST)
        return render(self.request, "decisions/show.html", context | {"conflict": str(error)}, status=409)

    def _page(self, context: Mapping[str, Any], status: int = 422) -> HttpResponse:
        # The reasons and the plan that are simulated follow soon: those on the page stay until then.
        keeps_older = self.request.htmx and context["awaited"] == "simulating"
        context = {**context, "is_created": self.is_created} | ({"shows": OLDER} if keeps_older else {})
        template = "decisions/_saved.html" if self.request.htmx else "decisions/show.html"
        response = render(self.request, template, context, status=status)
        if keeps_older:
            response = retarget(response, "#stale")
        return replace_url(response, reverse("decision", args=[self.decision.pk])) if self.is_created else response


def edits_answers(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Call the view with an `AnswersEdit` of a decision that the user may change; show what it raises on the decision's page."""

    @wraps(view)
    def respond(request: MemberRequest, decision_id: UUID, **kwargs: Any) -> HttpResponseBase:
        edit = AnswersEdit(request, find_latest(request, decision_id, request.POST.get("version", ""), editable=True))
        try:
            return view(edit, **kwargs)
        except InvalidInput as error:
            return edit.refused(error.problems)
        except StaleVersion as error:
            return edit.conflict(error)

    return respond


@require_POST
@edits_answers
def save_typed(edit: AnswersEdit) -> HttpResponseBase:
    with PAGE_SLOTS.slot():
        save_run_options(edit.request, edit.decision)
        edit.post, edit.chosen = apply_certainty_choices(edit.request.POST, edit.before.answers)
        after = edit.save(edit.post, always=CREATE in edit.post)
        options = RunOptions.from_mapping(edit.request.POST)
        return edit.not_started(after, options) if options.errors else edit.saved(after)


@require_POST
@edits_answers
def simulate(edit: AnswersEdit) -> HttpResponseBase:
    """Save what was typed and simulate it. The same press twice is the same run."""
    request, decision = edit.request, edit.decision
    key = request.POST.get("idempotency_key", "")
    is_key = IDEMPOTENCY_KEY.fullmatch(key)
    earlier = Run.objects.for_workspace(decision.workspace).filter(idempotency_key=key).first() if is_key else None
    if earlier:
        return _go_to_run(request, earlier)
    edit.insist = True
    save_run_options(request, decision)
    revision = edit.save(apply_certainty_choices(request.POST, edit.before.answers)[0], always=True)
    edit.before = revision
    options = RunOptions.from_mapping(request.POST)
    if options.errors:
        return edit.not_started(revision, options)
    advise_revision(revision, PLAN_PATIENCE_S)  # its plan is what is simulated
    try:
        started = jobs.start_run(revision, request.user, options.run_request, idempotency_key=key)
    except InvalidInput as error:
        return edit.not_started(revision, options.refused(error))
    if started.notified is False:
        messages.info(request, QUEUE_IS_SILENT)
    return _go_to_run(request, started.run)


def _go_to_run(request: MemberRequest, run: Run) -> HttpResponseBase:
    response = redirect("run", run.pk)
    return HttpResponseClientRedirect(response.url) if request.htmx else response


@require_POST
@edits_answers
def step_history(edit: AnswersEdit, direction: Literal["undo", "redo"]) -> HttpResponseBase:
    """Undo or redo the last change.

    What was typed and not yet saved is the last change. To undo text that is no answer, its fields go back to what is stored; the valid
    answers that were typed with it are saved.
    """
    decision, user = edit.decision, edit.request.user
    post, _ = apply_certainty_choices(edit.request.POST, edit.before.answers)
    typed, refused = valid_from(post, edit.before.answers, edit.own)
    after, lost, version = edit.before, False, version_of(edit.request)
    if typed != edit.before.answers:
        edit.store()
        decision = edit.decision
        after = save_answers(decision, typed.model_dump(), user, version, own=edit.own)
        version = decision.draft_version
    if not edit.is_new and (direction == "redo" or not refused):
        after, lost = step_answers(decision, user, version, direction, own=edit.own)
    return edit.saved(after, RECORDING_LOST if lost else "")


@require_POST
@edits_answers
def forget_recording(edit: AnswersEdit) -> HttpResponseBase:
    return edit.saved(drop_trace(edit.decision, edit.request.user, version_of(edit.request), own=edit.own))


@csrf_exempt
@require_POST
def upload_recording(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """The limit on the size is set before anything reads the request; only then is the token checked."""
    edit = AnswersEdit(request, find_latest(request, decision_id, request.GET.get("version", ""), editable=True))
    limit_upload(request)
    try:
        return _upload(request, edit)
    except UploadTooLarge as error:
        return edit.refused([Problem("volume.trace", str(error))], 413)


@csrf_protect
def _upload(request: MemberRequest, edit: AnswersEdit) -> HttpResponseBase:
    file = request.FILES.get("trace")
    try:
        if not isinstance(file, UploadedFile):
            raise InvalidInput([Problem("volume.trace", "choose a file first")])
        upload = keep_upload(edit.decision.workspace, request.user, file.name or "", file.chunks())
        require_readable(upload)
        edit.store()
        response = redirect("review-recording", edit.decision.pk, upload.pk)
        return HttpResponseClientRedirect(response.url) if request.htmx else response
    except InvalidInput as error:
        return edit.refused([trace_problem(problem) for problem in error.problems])


def require_readable(upload: RecordingUpload) -> None:
    """Raise InvalidInput for a file that is no benchmark, and that no choice of a person would make a recording."""
    if benchmark_of_upload(upload):
        return
    try:
        read_upload(upload, Corrections())
    except RecordingQuestion:
        pass
    except TraceError:
        if len(columns_of_upload(upload)) == 1:
            upload.delete()
            raise


def trace_problem(problem: Problem) -> Problem:
    if problem.path.startswith("volume."):
        return problem
    reason = sentence_of(problem.reason, "The file")
    row = f"Line {problem.line:,}: " if problem.line else ""
    return Problem("volume.trace", f"{row}{reason[:1].lower()}{reason[1:]}" if row else reason)


UPLOAD_BYTES = LARGEST_REPORT_BYTES + (1 << 16)
"""What is read of an upload at all: a JSON report and the rest of the form. A file of answers may be smaller still."""
PASTED = "What was pasted"


@csrf_exempt
@require_POST
def replace_answers(request: MemberRequest, decision_id: UUID) -> HttpResponseBase:
    """Replace the answers by what was pasted or uploaded. The limit on the size is set before anything reads the request."""
    decision = editable_decision(request, decision_id)
    limit_upload(request, UPLOAD_BYTES)
    try:
        return _replace(request, decision)
    except UploadTooLarge as error:
        return _file_refused(request, decision, "", [Problem("", str(error))], 413)


@csrf_protect
def _replace(request: MemberRequest, decision: Decision) -> HttpResponseBase:
    data, name = given_file(request)
    try:
        given = answers_in_sheet(data, name)
        replace_recording_name(given, decision.workspace, recording_of(decision.latest()))
        save_answers(decision, given, request.user, version_of(request))
    except InvalidInput as error:
        return _file_refused(request, decision, file_text(data), list(error.problems), 422)
    except StaleVersion as error:
        return _file_refused(request, decision, file_text(data), [Problem("", str(error))], 409)
    return redirect("decision", decision.pk)


def answers_in_sheet(data: bytes, name: str) -> dict[str, Any]:
    given = read_mapping(data, name)
    if not given:
        raise InvalidInput([Problem("", f"{name} holds no answers")])
    if document_kind(given) == "scenario":
        raise InvalidInput([Problem("", f"{name} holds a Scenario; Answers are wanted here")])
    return given


def given_file(request: MemberRequest) -> tuple[bytes, str]:
    file = request.FILES.get("file")
    if isinstance(file, UploadedFile) and file.size:
        return file.read(LARGEST_REPORT_BYTES + 1), "The JSON file" if (file.name or "").endswith(
            ".json"
        ) else "The file"
    return request.POST.get("text", "").encode("utf-8", "replace"), PASTED


def file_text(data: bytes) -> str:
    return data[:LARGEST_BYTES].decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _file_refused(
    request: MemberRequest, decision: Decision, text: str, problems: list[Problem], status: int
) -> HttpResponse:
    context = decision_context(request, decision, decision.latest()) | {"file_text": text, "file_problems": problems}
    return render(request, "decisions/show.html", context, status=status)
