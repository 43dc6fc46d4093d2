"""Links to one revision: made and revoked by who may edit, opened without signing in."""

from uuid import UUID

from csp.constants import NONE, UNSAFE_INLINE
from csp.decorators import csp
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.decisions.models import Decision, Revision, ShareLink
from advisor.decisions.services.reports import make_report
from advisor.decisions.services.share_links import (
    LIFETIMES_DAYS,
    create_share_link,
    find_shared,
    revoke_share_link,
)
from advisor.decisions.services.simulated_advice import advise_revision
from advisor.reports.formats.html import render_html
from advisor.reports.verdict_picture import verdict_svg
from advisor.teams.access import may_edit
from advisor.teams.links import LinkGone, absolute_link
from advisor.teams.middleware import MemberRequest
from advisor.teams.throttle import check_throttle, count_attempt
from advisor.web.access import find_decision, parse_id, revision_numbered
from advisor.web.forms.questions import first_sentence
from advisor.web.views.members import link_gone
from core.errors import InvalidInput

PICTURE_PATIENCE_S = 10.0
SHARED_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def share_decision(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """The links of a decision; a POST makes one, which is shown once."""
    decision = find_decision(request, decision_id)
    number = request.POST.get("revision") or request.GET.get("revision")
    revision = revision_numbered(decision.revisions.all(), number) if number else decision.latest()
    if request.method != "POST":
        return _links_page(request, decision, revision)
    try:
        _, token = create_share_link(revision, request.user, parse_id(request.POST.get("days", "")) or 0)
    except InvalidInput as error:
        return _links_page(request, decision, revision, error=first_sentence(error, "It"))
    return _links_page(request, decision, revision, token=token)


def _links_page(
    request: MemberRequest, decision: Decision, revision: Revision, *, token: str = "", error: str = ""
) -> HttpResponse:
    context = {
        "decision": decision,
        "revision": revision,
        "links": ShareLink.objects.filter(revision__decision=decision).open().select_related("revision", "created_by"),
        "lifetimes_days": LIFETIMES_DAYS,
        "may_edit": may_edit(request.user, decision.workspace),
        "is_local": settings.CONFIGURATION.local,
        "link": absolute_link(request, reverse("shared", args=[token])) if token else "",
        "picture": absolute_link(request, reverse("shared-picture", args=[token])) if token else "",
        "error": error,
    }
    return render(request, "revisions/share.html", context, status=422 if error else 200)


@require_POST
def revoke_link(request: MemberRequest, decision_id: UUID, link_id: UUID) -> HttpResponseBase:
    decision = find_decision(request, decision_id)
    links = ShareLink.objects.select_related("revision__decision__workspace")
    revoke_share_link(get_object_or_404(links, revision__decision=decision, pk=link_id), request.user)
    return redirect("share", decision.pk)


@login_not_required
@csp({"default-src": [NONE], "style-src": [UNSAFE_INLINE], "frame-ancestors": [NONE]})  # type: ignore[arg-type]
@require_safe
def show_shared(request: HttpRequest, token: str) -> HttpResponse:
    """The report on the revision, with its latest simulation.

    Raises:
        TooManyAttempts: if the address has tried too many wrong links.
    """
    revision = _shared(request, token)
    if revision is None:
        return link_gone(request)
    address = absolute_link(request, reverse("revision", args=[revision.decision_id, revision.number]))
    workspace_address = absolute_link(request, reverse("workspace", args=[revision.decision.workspace_id]))
    document = make_report(revision, address=address, workspace_address=workspace_address)
    return HttpResponse(render_html(document, zooms=False), headers=SHARED_HEADERS)


@login_not_required
@require_safe
def show_shared_picture(request: HttpRequest, token: str) -> HttpResponse:
    """The verdict as SVG. Raise as `show_shared`."""
    revision = _shared(request, token)
    if revision is None:
        return link_gone(request)
    recommendation, _ = advise_revision(revision, PICTURE_PATIENCE_S)
    day = date_format(revision.updated_at, "j F Y")
    facts = f"Revision {revision.number}, {revision.get_status_display().lower()}, {day}. Crossover"
    picture = verdict_svg(revision.answers.name, recommendation, facts)
    return HttpResponse(picture, content_type="image/svg+xml", headers=SHARED_HEADERS)


def _shared(request: HttpRequest, token: str) -> Revision | None:
    check_throttle(request)
    try:
        return find_shared(token)
    except LinkGone:
        count_attempt(request)
        return None
