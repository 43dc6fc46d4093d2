"""The page behind the link that `up` prints in hosted mode as long as there is no administrator."""

from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from advisor.decisions.services.decisions import ensure_demo
from advisor.teams.errors import LinkGone
from advisor.teams.middleware import choose_workspace
from advisor.teams.services.first_administrator import is_first_administrator_link, make_first_administrator
from advisor.teams.throttle import count_attempt, require_patience
from advisor.web.forms.sentences import reasons_by_field
from advisor.web.forms.workspaces import name_from
from advisor.web.views.errors import refusal
from advisor.web.views.links import PASSWORDS
from core.errors import InvalidInput

FIRST_WORKSPACE = "Our decisions"


@sensitive_post_parameters("password", "again")
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show(request: HttpRequest, token: str) -> HttpResponseBase:
    """Makes the account and signs it in. A link that is wrong or used does not exist."""
    require_patience(request)
    if not is_first_administrator_link(token):
        count_attempt(request)
        return refusal(request, 404)
    if request.method != "POST":
        return _page(request)
    given = request.POST.copy()
    given["name"] = given.get("name", "").strip() or FIRST_WORKSPACE
    try:
        user, workspace = make_first_administrator(
            token, given.get("username", ""), given.get("password", ""), given.get("again", ""), name_from(given)
        )
    except LinkGone:
        return refusal(request, 404)
    except InvalidInput as error:
        return _page(request, error)
    ensure_demo(workspace)
    login(request, user, PASSWORDS)
    choose_workspace(request, workspace)
    return redirect("home")


def _page(request: HttpRequest, refused: InvalidInput | None = None) -> HttpResponse:
    context = {
        "errors": reasons_by_field(refused),
        "username": request.POST.get("username", ""),
        "workspace": request.POST.get("name", FIRST_WORKSPACE),
    }
    return render(request, "accounts/first_administrator.html", context, status=422 if refused else 200)
