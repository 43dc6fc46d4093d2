"""Email with links, to people who asked for them or for whom another person did."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException, SMTPRecipientsRefused

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.template.loader import render_to_string

from advisor.teams.models import User
from core.errors import InvalidInput, Problem

log = logging.getLogger(__name__)

LONGEST_EMAIL = 254

_SENDER = ThreadPoolExecutor(max_workers=2, thread_name_prefix="mail")
"""Sends what no page may wait for: how long it takes would say whether there is an account."""


class MailFailed(Exception):
    """The mail server did not answer, or refused the email."""


def is_mail_offered() -> bool:
    return settings.CONFIGURATION.mail_server is not None


def clean_email(text: str) -> str:
    """Raise InvalidInput on `email` unless it is an address."""
    email = text.strip()
    try:
        validate_email(email)
    except ValidationError:
        reason = "should be an address like ada@company.example"
    else:
        if len(email) <= LONGEST_EMAIL:
            return email
        reason = f"should have {LONGEST_EMAIL} characters at most"
    raise InvalidInput([Problem("email", reason)])


def write_email(to: str, template: str, **context: object) -> EmailMessage:
    """The template's first line is the subject, and contains nothing that a user has typed."""
    subject, _, body = render_to_string(f"emails/{template}.txt", context).partition("\n")
    return EmailMessage(subject.strip(), body.lstrip("\n"), to=[to])


def open_mail_server() -> BaseEmailBackend:
    """Raise MailFailed if it does not answer within seconds, or does not accept our password."""
    connection: BaseEmailBackend = get_connection()
    try:
        connection.open()
    except OSError as error:
        _log_failure(error)
        raise MailFailed from error
    return connection


def send_email(message: EmailMessage) -> None:
    """Raise MailFailed if the mail server does not take it."""
    try:
        message.send()
    except OSError as error:
        _log_failure(error)
        raise MailFailed from error


def mail_reset_link(account: User, link: str) -> str:
    """Return a sentence on what became of it; empty if no email could be sent to the account."""
    if not is_mail_offered() or not account.email:
        return ""
    try:
        send_email(write_email(account.email, "reset_link", account=account, link=link))
    except MailFailed:
        return "It could not be sent by email: the mail server did not take it."
    return f"It was also sent to {account.email}."


def send_in_background(connection: BaseEmailBackend, messages: Sequence[EmailMessage]) -> None:
    """Send over an open connection, and close it. A failure is in the log alone."""

    def send() -> None:
        try:
            connection.send_messages(messages)
            connection.close()
        except OSError as error:
            _log_failure(error)

    _SENDER.submit(send)


def _log_failure(error: OSError) -> None:
    """Without the recipient."""
    reason: object = error
    if isinstance(error, SMTPRecipientsRefused):
        reason = sorted(error.recipients.values())
    kind = "refused" if isinstance(error, SMTPException) else "could not be sent"
    log.error("An email %s: %s: %s", kind, type(error).__name__, reason)
