"""Who waits, for how long, and how they can be reached."""

from dataclasses import dataclass

from advisor.advice.columns import Columns, Flags, Floats, chosen

ATTENTION_S = 10.0
"""Past this people turn to something else (J. Nielsen, Usability Engineering, 1993, chapter 5)."""


@dataclass(frozen=True)
class Caller:
    """Facts about the caller. Where nobody waits, nothing else about the caller is true."""

    nobody: Flags
    end_user: Flags
    internal: Flags
    partner: Flags
    immediate: Flags
    """Somebody waits and cannot go on without the result."""
    wants_inline: Flags
    """The same, or a person waits with a deadline within the time that attention lasts."""
    streams: Flags
    webhooks: Flags
    live_updates: Flags
    bidirectional: Flags
    deadline_s: Floats
    tolerated: Floats
    """Share of results that may be late or missing."""
    first_token_s: Floats
    """NaN where it is not known."""


def caller_of(c: Columns) -> Caller:
    """The caller behind columns of answers."""
    nobody = chosen(c, "caller.kind", "nobody")

    end_user = chosen(c, "caller.kind", "end_user")

    def flag(name: str) -> Flags:
        return (c[f"caller.{name}"] > 0) & ~nobody

    return Caller(
        nobody=nobody,
        end_user=end_user,
        internal=chosen(c, "caller.kind", "internal"),
        partner=chosen(c, "caller.kind", "partner"),
        immediate=flag("needs_immediate_response"),
        wants_inline=flag("needs_immediate_response") | (end_user & (c["caller.deadline_s"] <= ATTENTION_S)),
        streams=flag("streams_response"),
        webhooks=flag("accepts_webhooks"),
        live_updates=flag("wants_live_updates"),
        bidirectional=flag("bidirectional"),
        deadline_s=c["caller.deadline_s"],
        tolerated=c["caller.tolerated_miss_percent"] / 100,
        first_token_s=c["caller.first_token_s"],
    )
