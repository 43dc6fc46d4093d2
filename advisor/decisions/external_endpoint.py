"""The outside endpoint that an administrator allows live runs to call instead of the sample endpoint."""

from dataclasses import dataclass, field

from django.conf import settings
from pydantic import SecretStr

from advisor.configuration import Configuration
from core.errors import InvalidInput, Problem
from simulator.live.system.config import ExternalEndpoint

SAMPLE, OUTSIDE = "sample", "outside"
NEEDED = ("CROSSOVER_EXTERNAL_URL", "CROSSOVER_EXTERNAL_MODEL", "CROSSOVER_EXTERNAL_KEY")


@dataclass(frozen=True)
class AllowedEndpoint:
    endpoint: ExternalEndpoint
    key: SecretStr = field(repr=False)
    runs_per_day: int

    @property
    def host(self) -> str:
        return self.endpoint.host

    @property
    def model(self) -> str:
        return self.endpoint.model


def allowed_endpoint(configuration: Configuration | None = None) -> AllowedEndpoint | None:
    given: Configuration = configuration or settings.CONFIGURATION
    if given.external_url is None or given.external_model is None or given.external_key is None:
        return None
    endpoint = ExternalEndpoint(
        url=given.external_url,
        model=given.external_model,
        max_calls=given.external_max_calls,
        max_tokens_a_call=given.external_max_tokens_per_call,
        max_seconds=float(given.external_max_seconds),
        tokens_field=given.external_tokens_field,
    )
    return AllowedEndpoint(endpoint, given.external_key, given.external_runs_per_day)


def endpoint_for(choice: str, configuration: Configuration | None = None) -> AllowedEndpoint | None:
    """Return the outside endpoint if it is to answer, None for the sample endpoint.

    Raises InvalidInput on `endpoint` if there is no such choice, or no outside endpoint is allowed.
    """
    if choice == SAMPLE:
        return None
    if choice != OUTSIDE:
        raise InvalidInput([Problem("endpoint", f"should be {SAMPLE} or {OUTSIDE}")])
    endpoint = allowed_endpoint(configuration)
    if endpoint is None:
        raise InvalidInput([Problem("endpoint", f"no outside endpoint is allowed here. {setup_hint(configuration)}")])
    return endpoint


def setup_hint(configuration: Configuration | None = None) -> str:
    given: Configuration = configuration or settings.CONFIGURATION
    values = (given.external_url, given.external_model, given.external_key)
    missing = [name for name, value in zip(NEEDED, values, strict=True) if value is None]
    if len(missing) in (0, len(NEEDED)):
        return f"An administrator allows one by setting {NEEDED[0]}, {NEEDED[1]} and {NEEDED[2]}."
    return f"An administrator has begun to allow one; not set: {', '.join(missing)}."
