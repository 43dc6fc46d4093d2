"""An outside endpoint that is allowed, and that no server answers at."""

from django.conf import settings as django_settings
from pydantic import SecretStr
from pytest_django import Settings

KEY = "sk-of-the-administrator-2718"
HOST, MODEL = "models.example:8443", "some-model"


def allow(settings: Settings, **given: object) -> None:
    values = {"external_url": f"https://{HOST}/v1", "external_model": MODEL, "external_key": SecretStr(KEY)} | given
    settings.CONFIGURATION = django_settings.CONFIGURATION.model_copy(update=values)
