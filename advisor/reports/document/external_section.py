from advisor.reports import wording
from core.numbers import count, duration
from simulator.live.run.run_plan import LiveRunPlan
from simulator.result import EndpointUse, LiveReport

CAPS = {
    "calls": "the cap on calls",
    "tokens": "the cap on tokens",
    "time": "the cap on time",
}


def endpoint_terms(plan: LiveRunPlan) -> str:
    external = plan.external
    if external is None or plan.most_output_tokens is None:
        return ""
    return (
        f"{external.model} at {external.host} answers, in real time: at most {count(plan.most_calls, 'call')} of "
        f"{count(external.max_tokens_a_call, 'output token')}, {count(plan.most_output_tokens)} in all, "
        f"within {duration(external.max_seconds)}. Failures and outages are its own: those of the scenario are left out."
    )


def outside_sentences(live: LiveReport) -> tuple[str, ...]:
    use = live.endpoint
    if use is None:
        return ()
    return tuple(sentence for sentence in (_spent(use), _answered(use), _cut(use)) if sentence)


def _spent(use: EndpointUse) -> str:
    told = use.input_tokens or use.output_tokens
    tokens = (
        f"{count(use.input_tokens)} input and {count(use.output_tokens, 'output token')} by its own account"
        if told
        else "it told of no tokens"
    )
    some = "all" if use.failed_calls == use.calls else count(use.failed_calls)
    statuses = ", ".join(f"HTTP {status}: {count(times)}" for status, times in use.failures.items())
    answers = f" ({statuses})" if statuses else ""
    failed = f", {some} of them in vain{answers}" if use.failed_calls else ""
    return (
        f"{use.model} at {use.host} answered in the sample endpoint's place: {count(use.calls, 'call')} of at most "
        f"{count(use.max_calls)}{failed}; {tokens}."
    )


def _answered(use: EndpointUse) -> str:
    if use.call_s.mean is None or use.call_s.p50 is None or use.call_s.p95 is None:
        return "None of its calls brought a result, so there is nothing of it to measure."
    return (
        f"Its times were measured, not drawn: {duration(use.call_s.mean)} a call on average ({duration(use.call_s.p50)} at p50, "
        f"{duration(use.call_s.p95)} at p95). The prediction takes these very times in place of the {duration(use.scenario_mean_s)} of the "
        "answers, and no failures; what is held against it here is the queues and the workers. To simulate this endpoint, put its p50 and p95 "
        "into the answers."
    )


def _cut(use: EndpointUse) -> str:
    if not use.cut:
        return ""
    if set(use.cut) == {"synchronous", "event_driven"} and len(set(use.cut.values())) == 1:
        cap = CAPS[next(iter(use.cut.values()))]
        return (
            f"Cut short: {cap} ended the calls of both designs; their jobs from then on failed, and the figures say so."
        )
    where = [
        f"{CAPS[cap]} ended the calls of the {wording.style_name(name).lower()} design" for name, cap in use.cut.items()
    ]
    return f"Cut short: {', and '.join(where)}; its jobs from then on failed, and the figures say so."
