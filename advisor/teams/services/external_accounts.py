"""Accounts of an OpenID Connect provider, and the roles that its groups give."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest

from advisor.teams.models import ExternalIdentity, Membership, Role, User, Workspace
from advisor.teams.names import looks_of
from advisor.teams.services.accounts import LOCAL_USERNAME
from advisor.teams.services.administrators import LastAdministrator, require_other_administrators
from advisor.teams.services.audit import AuditSubject, record_event
from advisor.teams.services.workspaces import lock_workspace

log = logging.getLogger(__name__)

RANKS = (Role.VIEWER, Role.EDITOR, Role.OWNER)


def sign_in_account(request: HttpRequest, claims: Mapping[str, Any]) -> User:
    """Return the account of verified claims, made at its first sign-in, with its name, address and roles brought up to date.

    An account with a password is never taken over: a new one gets another name. Raises PermissionDenied if it is deactivated.
    """
    issuer, subject = str(claims["iss"]), str(claims["sub"])
    with transaction.atomic():
        identity = ExternalIdentity.objects.select_related("user").filter(issuer=issuer, subject=subject).first()
        user = identity.user if identity else _new_account(issuer, subject, claims)
        if not user.is_active:
            raise PermissionDenied("This account is deactivated. Ask an administrator.")
        _follow_administrators(request, user, groups_in(claims))  # first: it locks the administrators in order
        User.objects.filter(pk=user.pk).update(
            first_name=_text(claims, "given_name") or _text(claims, "name"),
            last_name=_text(claims, "family_name"),
            email=_text(claims, "email"),
        )
        _follow_groups(user, groups_in(claims))
    return user


def groups_in(claims: Mapping[str, Any]) -> set[str]:
    given = claims.get(settings.CONFIGURATION.oidc_groups_claim, [])
    return {given} if isinstance(given, str) else {str(group) for group in given} if isinstance(given, list) else set()


def _text(claims: Mapping[str, Any], name: str) -> str:
    text = claims.get(name)
    return "".join(filter(str.isprintable, text))[:150] if isinstance(text, str) else ""


def _new_account(issuer: str, subject: str, claims: Mapping[str, Any]) -> User:
    mark = hashlib.sha256(f"{issuer} {subject}".encode()).hexdigest()[:8]
    base = _text(claims, "preferred_username") or _text(claims, "email").partition("@")[0] or "member"
    user = User()
    for name in (base, f"{base[:140]}-{mark}", f"member-{mark}"):
        user.username = User.normalize_username(name)
        if _may_be_called_so(user):
            break
    user.set_unusable_password()
    user.save()
    ExternalIdentity.objects.create(user=user, issuer=issuer, subject=subject)
    log.info("Account %s made for subject %s", user.pk, subject)
    return user


def _may_be_called_so(user: User) -> bool:
    try:
        user.clean_fields(exclude=["password"])
        user.check_name(User.objects.all())
    except ValidationError:
        return False
    return looks_of(user.username) != looks_of(LOCAL_USERNAME)


def _follow_groups(user: User, groups: set[str]) -> None:
    """Give the highest role that the groups give in each workspace of the configuration, and take it away if none does.

    Memberships elsewhere are left alone, and so is the last owner of a workspace.
    """
    wanted: dict[UUID, Role | None] = {}
    for group, workspace_id, name in settings.CONFIGURATION.roles_of_groups:
        role = Role(name) if group in groups else None
        wanted[workspace_id] = max(wanted.get(workspace_id), role, key=lambda each: RANKS.index(each) if each else -1)
    known = Workspace.objects.in_bulk(wanted)
    for workspace in known.values():
        lock_workspace(workspace)
        _set_role(user, workspace, wanted[workspace.pk])
    if unknown := wanted.keys() - known.keys():
        log.warning("CROSSOVER_OIDC_GROUPS names workspaces that do not exist: %s", sorted(map(str, unknown)))


def _follow_administrators(request: HttpRequest, user: User, groups: set[str]) -> None:
    """Make the account an administrator, or no longer one, if a group is configured for that.

    The last account that can administer the site stays: otherwise no one could let an administrator in again.
    """
    group = settings.CONFIGURATION.oidc_administrators
    if group is None:
        return
    is_administrator = group in groups
    if user.is_superuser == is_administrator:
        return
    if not is_administrator:
        try:
            require_other_administrators([user])
        except LastAdministrator:
            log.warning("Account %s stays the last administrator against its groups", user.pk)
            return
    user.is_staff = user.is_superuser = is_administrator
    user.save(update_fields=["is_staff", "is_superuser"])
    action = "became an administrator by a group" if is_administrator else "was an administrator by a group until now"
    record_event(request, action, user, AuditSubject(title=group))
    log.info("Account %s %s", user.pk, action)


def _set_role(user: User, workspace: Workspace, role: Role | None) -> None:
    membership = Membership.objects.filter(user=user, workspace=workspace).first()
    if membership is None:
        if role:
            Membership.objects.create(user=user, workspace=workspace, role=role)
            log.info("Account %s joins workspace %s as %s by its groups", user.pk, workspace.pk, role)
        return
    if membership.role == role:
        return
    owners = Membership.objects.filter(workspace=workspace, role=Role.OWNER)
    if membership.role == Role.OWNER and owners.count() == 1:
        log.warning("Account %s stays the last owner of workspace %s against its groups", user.pk, workspace.pk)
        return
    if role is None:
        membership.delete()
    else:
        Membership.objects.filter(pk=membership.pk).update(role=role)
    log.info("Account %s has the role %s in workspace %s by its groups", user.pk, role, workspace.pk)
