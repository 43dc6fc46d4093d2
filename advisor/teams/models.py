import uuid
from typing import Any, ClassVar, Self, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from advisor.teams.links import LinkGone
from advisor.teams.names import fault_of, looks_of

Owned = TypeVar("Owned", bound=models.Model, covariant=True)

NAME_TAKEN = "That name is taken. If it is yours, sign in instead."
NAME_TOO_ALIKE = "That name looks too much like an existing one; choose one that differs by more."


class User(AbstractUser):
    look = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001  # null: no claim on it
    look_in_small_letters = models.CharField(max_length=64, unique=True, null=True, editable=False)  # noqa: DJ001
    """Digests of what the name looks like (`names.looks_of`): the database settles a race for one.

    Null for an account that predates the rule; it keeps its name.
    """

    def clean(self) -> None:
        """Raise ValidationError also if the name is new and hard to tell from another account's."""
        super().clean()
        if self.is_renamed():
            self.check_name(User.objects.exclude(pk=self.pk))

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raise ValidationError if the name is new and hard to tell from another account's."""
        fields = kwargs.get("update_fields")
        if (fields is None or "username" in fields) and self.is_renamed():
            # The database refuses an equal name: get_or_create needs its IntegrityError.
            self.check_name(User.objects.exclude(username=self.username))
            self.look, self.look_in_small_letters = looks_of(self.username)
            if fields is not None:
                kwargs["update_fields"] = {*fields, "look", "look_in_small_letters"}
        super().save(*args, **kwargs)

    def is_renamed(self) -> bool:
        return self.pk is None or not User.objects.filter(pk=self.pk, username=self.username).exists()

    def check_name(self, others: "models.QuerySet[User]") -> None:
        """Raise ValidationError if the name is not allowed, or resembles that of one of the others."""
        fault = fault_of(self.username)
        if not fault:
            look, in_small_letters = looks_of(self.username)
            alike = others.filter(models.Q(look=look) | models.Q(look_in_small_letters=in_small_letters)).first()
            if alike:
                is_same = alike.username.casefold() == self.username.casefold()
                fault = NAME_TAKEN if is_same else NAME_TOO_ALIKE
        if fault:
            raise ValidationError({"username": [fault]})


class ExternalIdentity(models.Model):
    """An account of an OpenID Connect provider: its issuer and subject never change, names and addresses do."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="external_identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "external identities"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="external_identity_is_of_one_account"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class SignedInSession(models.Model):
    """It is deleted with Django's row of the session: by signing out, expiry or ending."""

    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="signed_in")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="signed_in_sessions")
    begun_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering: ClassVar = ["-last_seen_at", "id"]

    def __str__(self) -> str:
        return f"session of {self.user} since {self.begun_at:%Y-%m-%d}"


class LinkQuerySet(models.QuerySet[Owned]):
    """Links that expire and can be revoked. Only the digest of a token is kept, so a link cannot be read here."""

    def open(self) -> Self:
        return self.filter(revoked_at__isnull=True, expires_at__gt=timezone.now())

    def find(self, digest: str) -> Owned:
        """Raise LinkGone if there is no open link with the digest."""
        link = self.open().filter(token_digest=digest).first()
        if link is None or not constant_time_compare(link.token_digest, digest):  # type: ignore[attr-defined]
            raise LinkGone
        return link


class OneTimeLinkQuerySet(LinkQuerySet[Owned]):
    """Links that work once."""

    def open(self) -> Self:
        return super().open().filter(**{f"{self.model.USED_AT}__isnull": True})  # type: ignore[attr-defined]


class PasswordReset(models.Model):
    USED_AT = "used_at"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="password_resets")
    token_digest = models.CharField(max_length=64, unique=True)
    auth_hash = models.CharField(max_length=64)
    """`get_session_auth_hash` when it was made: any change of the password makes the link void."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    objects = OneTimeLinkQuerySet["PasswordReset"].as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(used_at__isnull=True) | models.Q(revoked_at__isnull=True),
                name="password_reset_ends_one_way",
            ),
        ]

    def __str__(self) -> str:
        return f"password reset of {self.user}"


class Workspace(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    is_local = models.BooleanField(default=False, editable=False)
    """The workspace of local mode; there is at most one."""
    demo_made_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When the demo decisions were created: this happens once, so that deleted ones stay away."""
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Membership", related_name="workspaces")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_local"], condition=models.Q(is_local=True), name="at_most_one_local_workspace"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WorkspaceQuerySet(models.QuerySet[Owned]):
    """Rows that belong to a workspace. Pages fetch only through it."""

    def for_workspace(self, workspace: Workspace) -> Self:
        return self.filter(workspace=workspace)


class Role(models.TextChoices):
    """An owner also manages members, an editor changes decisions, a viewer reads."""

    OWNER = "owner"
    EDITOR = "editor"
    VIEWER = "viewer"


class Membership(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "workspace"], name="one_membership_each"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role}) in {self.workspace}"


class Invitation(models.Model):
    USED_AT = "accepted_at"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(blank=True, default="", db_default="")
    """Where its link was sent, and nowhere else: an account that is made with it has this address."""
    role = models.CharField(max_length=10, choices=Role.choices)
    token_digest = models.CharField(max_length=64, unique=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = OneTimeLinkQuerySet["Invitation"].as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="invitation_role_is_known"),
            models.CheckConstraint(
                condition=models.Q(accepted_at__isnull=True) | models.Q(revoked_at__isnull=True),
                name="invitation_ends_one_way",
            ),
        ]

    def __str__(self) -> str:
        return f"invitation to {self.workspace} as {self.role}"


class ApiScope(models.TextChoices):
    """Read decisions and runs, write decisions, start runs: each within the role of the person who made the key."""

    READ = "read"
    WRITE = "write"
    RUN = "run"


class ApiKey(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=120)
    hint = models.CharField(max_length=10)
    """The last characters of the key, by which people tell keys from each other."""
    token_digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = LinkQuerySet["ApiKey"].as_manager()

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-created_at", "id"]

    def __str__(self) -> str:
        return f"API key {self.name}"


class AppendOnly(Exception):
    """A row of the audit log is neither changed nor deleted."""


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def update(self, **kwargs: Any) -> int:
        raise AppendOnly

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly


class AuditEvent(models.Model):
    """Who did what. Names are kept as they were at that time: accounts and workspaces may be renamed or deleted."""

    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=60)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    """Null for a reader of a share link, and for a sign-in that failed."""
    actor_name = models.CharField(max_length=150, blank=True)
    api_key = models.CharField(max_length=140, blank=True)
    workspace = models.ForeignKey(Workspace, on_delete=models.SET_NULL, null=True, related_name="+")
    """Null for what concerns the whole installation."""
    subject = models.CharField(max_length=300, blank=True)
    path = models.CharField(max_length=200, blank=True)
    """Of the page; it contains the ids. A secret in an address is left out."""
    address = models.GenericIPAddressField(null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["workspace", "-id"], name="audit_of_workspace"),
            models.Index(fields=["actor", "-id"], name="audit_of_actor"),
            models.Index(fields=["actor", "path", "-at"], name="audit_of_page"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name or 'A reader'}: {self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly
