"""Sign-in with an OpenID Connect provider: the authorization code flow with PKCE, by Authlib."""

from functools import lru_cache
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from joserfc.errors import JoseError
from requests import RequestException

PROVIDER_PATIENCE_S = 5
PROVIDER = "provider"


class DirectSession(OAuth2Session):  # type: ignore[misc]
    """Follows no redirects: only the addresses that the configured provider names are asked."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_redirects = 0


class DirectApp(DjangoOAuth2App):  # type: ignore[misc]
    client_cls = DirectSession


class SignInRefused(Exception):
    """The provider refused, did not answer, or answered something that does not hold. The text is for the log."""


def is_offered() -> bool:
    return settings.CONFIGURATION.oidc_issuer is not None and not settings.CONFIGURATION.local


def redirect_to_provider(request: HttpRequest, callback: str) -> HttpResponseBase:
    """Raise SignInRefused if the provider does not answer, or describes itself as another one."""
    client = _client()
    try:
        issuer = client.load_server_metadata().get("issuer")
        if issuer != settings.CONFIGURATION.oidc_issuer:
            raise SignInRefused(f"its metadata is of {issuer}, not of {settings.CONFIGURATION.oidc_issuer}")
        response: HttpResponseBase = client.authorize_redirect(request, callback)
    except (OAuthError, RequestException, ValueError, RuntimeError) as error:
        raise SignInRefused(f"its configuration cannot be read: {error}") from error
    return response


def read_claims(request: HttpRequest) -> dict[str, Any]:
    """Exchange the code of a callback for verified claims. Raise SignInRefused."""
    configuration = settings.CONFIGURATION
    client = _client()
    try:
        token = client.authorize_access_token(request)
        claims = dict(token.get("userinfo") or {})
        if claims and configuration.oidc_groups_claim not in claims and "userinfo_endpoint" in client.server_metadata:
            extra = dict(client.userinfo(token=token))
            claims = extra | claims if extra.get("sub") == claims.get("sub") else claims
    except (OAuthError, JoseError, RequestException, ValueError, RuntimeError, KeyError) as error:
        raise SignInRefused(f"{type(error).__name__}: {error}") from error
    if not claims.get("sub"):
        raise SignInRefused("there is no id token")
    if claims.get("iss") != configuration.oidc_issuer:
        raise SignInRefused(f"the issuer is {claims.get('iss')}, not {configuration.oidc_issuer}")
    return claims


def _client() -> Any:
    configuration = settings.CONFIGURATION
    issuer, client_id, secret = (
        configuration.oidc_issuer,
        configuration.oidc_client_id,
        configuration.oidc_client_secret,
    )
    assert issuer and client_id and secret  # noqa: S101  the configuration refuses one without the others
    return _client_of(issuer, client_id, secret.get_secret_value())


@lru_cache(maxsize=4)
def _client_of(issuer: str, client_id: str, secret: str) -> Any:
    """Keep the discovery document and the keys; unknown keys are fetched again."""
    return OAuth().register(
        PROVIDER,
        client_cls=DirectApp,
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "default_timeout": PROVIDER_PATIENCE_S,
        },
    )
