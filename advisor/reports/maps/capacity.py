from advisor.reports.document.blocks import Section, TableBlock, table_block
from advisor.reports.terminal_text import terminal_text
from advisor.reports.wording import design_name
from advisor.sweeps.capacity_search import DesignRequirement, ServerRequirement
from core.numbers import count, percent, share_interval

SERVERS = {"synchronous": ("worker", "workers"), "event_driven": ("consumer", "consumers")}


def needed_headline(needed: ServerRequirement) -> str:
    both = (needed.synchronous, needed.event_driven)
    meet = [design for design in both if design.high is not None]
    if not meet:
        return f"Neither design meets the deadline, with any number up to {both[0].most:,}"
    needs = " and ".join(
        f"{design_name(design.design)} needs {count(design.high, *SERVERS[design.design])}" for design in meet
    )
    missing = [design_name(design.design) for design in both if design.high is None]
    sentence = needs + (f"; {missing[0]} does not meet the deadline with any number" if missing else "")
    return sentence[0].upper() + sentence[1:]


def needed_sentence(needed: DesignRequirement) -> str:
    one, many = SERVERS[needed.design]
    name = design_name(needed.design).capitalize()
    if needed.high is None:
        return f"{name} does not meet the deadline with any number up to {count(needed.most, one, many)}: more {many} do not help."
    if needed.high == 1:
        return f"{name} meets the deadline from 1 {one} on."
    if needed.low == needed.high:
        return f"{name} meets the deadline from {count(needed.high, one, many)} on; one less is sure to miss it."
    below = (
        ""
        if needed.low < 2
        else f"{'1 is' if needed.low == 2 else f'fewer than {needed.low:,} are'} sure to miss it, and "
    )
    between = f"{needed.low:,}" if needed.high - needed.low == 1 else f"{needed.low:,} to {needed.high - 1:,}"
    return (
        f"{name} meets the deadline from {count(needed.high, one, many)} on; {below}{between} may or may not be enough."
    )


def needed_words(needed: ServerRequirement) -> tuple[str, ...]:
    return (
        needed_sentence(needed.synchronous),
        needed_sentence(needed.event_driven),
        f"Asked for: {percent(100 * needed.wanted_share)} of all jobs in hand by the deadline. Both designs met the same jobs "
        "in every trial; their numbers are fixed, nothing scales by itself.",
    )


def needed_table(needed: ServerRequirement) -> TableBlock:
    rows = [
        (
            f"{trial.servers:,}",
            *(share_interval(good.good_share, good.low, good.high) for good in (trial.synchronous, trial.event_driven)),
        )
        for trial in needed.trials
    ]
    headers = ("Workers, consumers", "Good, synchronous", "Good, event-driven")
    return table_block(headers, rows, "Numbers tried", figures_from=2)


def needed_text(title: str, needed: ServerRequirement) -> str:
    return terminal_text(title, " ".join(needed_words(needed)), [Section("fewest", "Trials", (needed_table(needed),))])
