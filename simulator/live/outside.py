"""What an outside endpoint was used for, and how it answered."""

from collections.abc import Mapping

import numpy as np

from simulator.live.conducting import Performance
from simulator.live.journal import What
from simulator.live.ledger import Cut
from simulator.live.plan import ExternalEndpoint
from simulator.plan import Floats
from simulator.result import EndpointUse, Quantiles

SUCCEEDED = 200.0


def use_of(external: ExternalEndpoint, performances: Mapping[str, Performance], scenario_mean_s: float) -> EndpointUse:
    """Of both designs together; `scenario_mean_s` is the service time that the Scenario takes for granted."""
    spent = [found.spent for found in performances.values()]
    return EndpointUse(
        host=external.host,
        model=external.model,
        max_calls=external.max_calls,
        max_tokens_a_call=external.max_tokens_a_call,
        calls=sum(each.calls for each in spent),
        failed_calls=sum(each.failed for each in spent),
        input_tokens=sum(each.input_tokens for each in spent),
        output_tokens=sum(each.output_tokens for each in spent),
        cut={name: Cut(found.spent.cut).name.lower() for name, found in performances.items() if found.spent.cut},  # type: ignore[misc]
        call_s=_quantiles(np.concatenate([_calls_s(found) for found in performances.values()])),
        scenario_mean_s=scenario_mean_s,
    )


def _calls_s(found: Performance) -> Floats:
    """How long each call took that was answered with a result, in real seconds."""
    begun: dict[tuple[int, int], int] = {}
    lasted = []
    for row in found.rows[np.isin(found.rows["what"], (What.CALLED, What.ANSWERED))]:
        call = int(row["job"]), int(row["index"])
        if row["what"] == What.CALLED:
            begun[call] = int(row["at_ns"])
        elif row["value"] == SUCCEEDED and call in begun:
            lasted.append((int(row["at_ns"]) - begun[call]) / 1e9)
    return np.array(lasted, dtype=np.float64)


def _quantiles(values: Floats) -> Quantiles:
    if not len(values):
        return Quantiles()
    p50, p90, p95, p99 = (float(np.quantile(values, share)) for share in (0.5, 0.9, 0.95, 0.99))
    return Quantiles(mean=float(values.mean()), p50=p50, p90=p90, p95=p95, p99=p99, max=float(values.max()))
