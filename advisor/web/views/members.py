"""The members of a workspace, and the links that work once: invitations and password resets."""

from collections.abc import Callable, Mapping
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from advisor.decisions.cleaning import clean_name
from advisor.decisions.services.retention import Retention, old_runs, old_sweeps
from advisor.teams.access import require_owner, role_in
from advisor.teams.links import LinkGone, absolute_link, digest_of
from advisor.teams.mail import clean_email, is_mail_offered, mail_reset_link
from advisor.teams.middleware import MemberRequest, choose_workspace
from advisor.teams.models import Invitation, Membership, PasswordReset, Role, User, Workspace
from advisor.teams.services import accounts, workspaces
from advisor.teams.services.accounts import resettable_by
from advisor.teams.services.workspaces import INVITATION_DAYS, change_role, remove_member
from advisor.teams.throttle import check_throttle, count_attempt
from advisor.web.access import find_workspace, hosted_only
from advisor.web.forms.questions import choice_reason, first_sentence, reasons_by_field, sentence_of
from advisor.web.refusals import refusal
from core.errors import InvalidInput, Problem
from core.numbers import count

PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"  # noqa: S105


def open_link(
    request: HttpRequest, token: str, find: Callable[[str], object], session_key: str, page: str
) -> HttpResponseBase:
    """Keep the token's digest in the session and go on to the page: histories, logs and referrers would keep the link itself.

    `find` takes the digest, and raises LinkGone if the link does not work; that counts as an attempt of the address.

    Raises:
        TooManyAttempts: if the address has tried too many wrong links.
    """
    check_throttle(request)
    digest = digest_of(token)
    try:
        find(digest)
    except LinkGone:
        count_attempt(request)
        return link_gone(request)
    request.session[session_key] = digest
    return unseen(redirect(page))


def link_gone(request: HttpRequest) -> HttpResponse:
    return unseen(refusal(request, 404))


def unseen(response: HttpResponse) -> HttpResponse:
    """Keep the response out of caches. A page's own forms need the referrer of their site, and its address holds no secret."""
    response["Cache-Control"] = "no-store"
    if response.status_code not in (200, 422):
        response["Referrer-Policy"] = "no-referrer"
    return response


INVITATION_KEY = "invitation"
"""Where the session keeps the digest of the link that was opened."""


@require_safe
def show_workspace(request: MemberRequest, workspace_id: UUID) -> HttpResponse:
    return members_page(request, find_workspace(request, workspace_id))


@require_POST
def set_role(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    membership = find_membership(workspace, member_id)
    require_owner(request.user, workspace)
    try:
        change_role(membership, request.user, role_from(request.POST))
    except InvalidInput as error:
        return members_page(request, workspace, errors={f"member-{membership.pk}": first_sentence(error)})
    return redirect("workspace", workspace_id)


@require_POST
def remove(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    membership = find_membership(workspace, member_id)
    try:
        remove_member(membership, request.user)
    except InvalidInput as error:
        return members_page(request, workspace, errors={f"member-{membership.pk}": first_sentence(error)})
    left = membership.user_id == request.user.pk
    return redirect("workspaces") if left else redirect("workspace", workspace_id)


@require_POST
@never_cache
def make_invitation(request: MemberRequest, workspace_id: UUID) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    require_owner(request.user, workspace)
    try:
        invitation, token = workspaces.create_invitation(workspace, request.user, *invitation_from(request.POST))
    except InvalidInput as error:
        errors = {problem.path: sentence_of(problem.reason) for problem in error.problems}
        return members_page(request, workspace, errors=errors)
    link, email = absolute_link(request, reverse("invitation", args=[token])), invitation.email
    if email and workspaces.email_invitation(invitation, link):
        return members_page(request, workspace, sent=f"The invitation was sent to {email}.")
    sent = f"The mail server did not take the email to {email}." if email else ""
    return members_page(request, workspace, link, sent=sent)


@require_POST
def revoke_invitation(request: MemberRequest, workspace_id: UUID, invitation_id: UUID) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    invitations = Invitation.objects.select_related("workspace")
    invitation = get_object_or_404(invitations, workspace=workspace, pk=invitation_id)
    workspaces.cancel_invitation(invitation, request.user)
    return redirect("workspace", workspace_id)


@login_not_required
@require_safe
def open_invitation(request: HttpRequest, token: str) -> HttpResponseBase:
    return open_link(request, token, workspaces.find_invitation, INVITATION_KEY, "join")


@sensitive_post_parameters("password", "again")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponseBase:
    try:
        invitation = workspaces.find_invitation(request.session.get(INVITATION_KEY, ""))
        if request.method != "POST":
            return unseen(_join_page(request, invitation))
        if isinstance(request.user, User):
            workspaces.accept_invitation(invitation, request.user)
        else:
            password, again = request.POST.get("password", ""), request.POST.get("again", "")
            user = workspaces.register_invited(invitation, request.POST.get("username", ""), password, again)
            login(request, user, PASSWORD_BACKEND)
    except LinkGone:
        return link_gone(request)
    except InvalidInput as error:
        return unseen(_join_page(request, invitation, error))
    request.session.pop(INVITATION_KEY, None)
    choose_workspace(request, invitation.workspace)
    return redirect("home")


def _join_page(request: HttpRequest, invitation: Invitation, refused: InvalidInput | None = None) -> HttpResponse:
    user = request.user
    context = {
        "invitation": invitation,
        "errors": reasons_by_field(refused),
        "username": request.POST.get("username", ""),
        "role_held": role_in(user, invitation.workspace) if isinstance(user, User) else None,
    }
    return render(request, "workspaces/join.html", context, status=422 if refused else 200)


def find_membership(workspace: Workspace, member_id: int) -> Membership:
    return get_object_or_404(Membership.objects.select_related("workspace", "user"), workspace=workspace, pk=member_id)


def members_page(
    request: MemberRequest,
    workspace: Workspace,
    link: str = "",
    errors: Mapping[str, str] | None = None,
    sent: str = "",
    reset_link: str = "",
    reset_of: User | None = None,
) -> HttpResponse:
    retention, now = Retention.from_configuration(), timezone.now()
    held = role_in(request.user, workspace)
    members = workspace.memberships.select_related("user").order_by("created_at", "id")
    may_reset = held is Role.OWNER or request.user.is_superuser
    resettable = (
        resettable_by(request.user).filter(memberships__workspace=workspace) if may_reset else User.objects.none()
    )
    context = {
        "workspace": workspace,
        "role_held": held,
        "is_owner": held is Role.OWNER,
        "may_revoke": held is Role.OWNER or request.user.is_superuser,
        "members": members,
        "only_owner": members.filter(role=Role.OWNER).count() == 1,
        "roles": Role.choices,
        "days": INVITATION_DAYS,
        "invitations": Invitation.objects.open().filter(workspace=workspace).select_related("created_by"),
        "link": link,
        "sent": sent,
        "is_mail_offered": is_mail_offered(),
        "resettable": set(resettable.values_list("pk", flat=True)),
        "resets": {
            reset.user_id: reset
            for reset in PasswordReset.objects.open().filter(user__in=resettable).select_related("created_by")
        },
        "reset_link": reset_link,
        "reset_of": reset_of,
        "retention": retention if retention.deletes_something else None,
        "old_simulations": old_runs(retention, now).filter(workspace=workspace).count()
        + old_sweeps(retention, now).filter(workspace=workspace).count(),
        "is_local": settings.CONFIGURATION.local,
        "errors": errors or {},
        "role_errors": {member.pk: (errors or {}).get(f"member-{member.pk}", "") for member in members},
        "given": {
            name: request.POST.get(name, default)
            for name, default in (
                ("role", Role.EDITOR),
                ("days", "7"),
                ("email", ""),
                ("name", workspace.name),
            )
        },
    }
    response = render(request, "workspaces/show.html", context, status=422 if errors else 200)
    if link or reset_link:
        response["Cache-Control"] = "no-store"
    return response


RESET_KEY = "password_reset"
"""Where the session keeps the digest of the link that was opened."""


@require_POST
@hosted_only
def make_password_reset(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    workspace = find_workspace(request, workspace_id)
    member = find_membership(workspace, member_id).user
    address = reverse("open-password-reset", args=[accounts.make_reset(member, request.user)])
    link = absolute_link(request, address)
    return members_page(request, workspace, sent=mail_reset_link(member, link), reset_link=link, reset_of=member)


@require_POST
@hosted_only
def revoke_password_reset(request: MemberRequest, workspace_id: UUID, member_id: int) -> HttpResponseBase:
    member = find_membership(find_workspace(request, workspace_id), member_id).user
    accounts.revoke_resets(member, request.user)
    return redirect("workspace", workspace_id)


@login_not_required
@require_safe
@hosted_only
def open_password_reset(request: HttpRequest, token: str) -> HttpResponseBase:
    return open_link(request, token, accounts.find_reset, RESET_KEY, "password-reset")


@sensitive_post_parameters("password", "again")
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@hosted_only
def reset_password(request: HttpRequest) -> HttpResponseBase:
    refused = None
    try:
        reset = accounts.find_reset(request.session.get(RESET_KEY, ""))
        if request.method == "POST":
            password, again = request.POST.get("password", ""), request.POST.get("again", "")
            user = accounts.set_password(reset, password, again)
            login(request, user, PASSWORD_BACKEND)
            request.session.pop(RESET_KEY, None)
            messages.success(request, "Your new password is set. All other sessions have ended.")
            return redirect("home")
    except LinkGone:
        return link_gone(request)
    except InvalidInput as error:
        refused = error
    context = {"account": reset.user, "errors": reasons_by_field(refused)}
    return unseen(render(request, "accounts/reset.html", context, status=422 if refused else 200))


def name_from(post: QueryDict) -> str:
    return clean_name(post.get("name", ""), "name")


def role_from(post: QueryDict) -> str:
    role = post.get("role", "")
    if role not in Role.values:
        raise InvalidInput([Problem("role", choice_reason(role, tuple(Role.labels)))])
    return role


def invitation_from(post: QueryDict) -> tuple[str, int, str]:
    """The role that an invitation gives, for how many days it holds, and where it is sent, if anywhere.

    Raises:
        InvalidInput: on `role` and `days`, if they are no choice, and on `email`.
    """
    problems: list[Problem] = []
    role = ""
    try:
        role = role_from(post)
    except InvalidInput as error:
        problems += error.problems
    days = {str(number): number for number in INVITATION_DAYS}.get(post.get("days", ""))
    if days is None:
        words = tuple(count(number, "day") for number in INVITATION_DAYS)
        problems.append(Problem("days", choice_reason(post.get("days", ""), words)))
    email = ""
    if post.get("email", "").strip():
        try:
            email = clean_email(post.get("email", ""))
        except InvalidInput as error:
            problems += error.problems
        if not is_mail_offered():
            problems.append(Problem("email", "is of no use: this installation sends no email"))
    if problems or days is None:
        raise InvalidInput(problems)
    return role, days, email
