"""Answers that are tried on the sliders: the advice on them, and nothing saved."""

from uuid import UUID, uuid5

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import reswap, trigger_client_event

from advisor.advice.answers import answers_from
from advisor.decisions.models import Revision
from advisor.decisions.services.library import library_of
from advisor.decisions.services.revisions import build_revision_fields
from advisor.decisions.services.simulated_advice import advise_revision
from advisor.teams.access import may_edit
from advisor.teams.middleware import MemberRequest
from advisor.web.access import find_latest, version_in_page
from advisor.web.decision_page import advice_of
from advisor.web.forms.fields import errors_by_field
from advisor.web.forms.posts import given_from
from advisor.web.forms.what_if import sliders_of
from core.errors import InvalidInput

TRIED_PATIENCE_S = 3.0
"""How long a request waits for its simulation, before the page asks again."""


@require_safe
def show_sliders(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """Around the answers of `?version=`, or those that they have become since."""
    latest = find_latest(request, decision_id, request.GET.get("version", ""))
    context = {
        "decision": latest.decision,
        "version_in_page": version_in_page(latest),
        "sliders": sliders_of(latest.answers),
        "may_edit": may_edit(request.user, latest.decision.workspace),
    }
    return render(request, "decisions/_what_if.html#sliders", context)


@require_POST
def try_answers(request: MemberRequest, decision_id: UUID) -> HttpResponse:
    """The advice on the posted answers laid over those of `?version=`; nothing once these have been changed."""
    latest = find_latest(request, decision_id, request.GET.get("version", ""))
    decision, before = latest.decision, latest.answers
    if request.GET.get("version") != version_in_page(latest):
        return HttpResponse(status=204)
    own = library_of(decision.workspace)
    try:
        fields = build_revision_fields(answers_from(given_from(request.POST, before, own)), own)
    except InvalidInput as error:
        problems = list(errors_by_field(error.problems).values())
        return render(request, "decisions/_what_if.html#outcome", {"problems": problems}, status=422)
    # One id for each person and decision: a simulation of answers that were tried before is given up.
    tried = Revision(pk=uuid5(decision.pk, str(request.user.pk)), decision=decision, number=1, **fields)
    advised = advise_revision(tried, TRIED_PATIENCE_S)
    response = render(request, "decisions/_what_if.html#outcome", advice_of(*advised))
    if not advised.awaited:
        return response
    # The picture of before stays, and is marked as such; it is a message only while the simulator is loaded.
    return trigger_client_event(response if advised.awaited == "loading" else reswap(response, "none"), "ask")
