import json
from collections.abc import Mapping

from advisor.advice.answers import Answers
from advisor.places import COMMAND
from advisor.reports import wording
from advisor.reports.document.blocks import Block, ItemList, Listing, ListItem, Paragraph, Section
from advisor.reports.document.record import Recording
from core.numbers import count
from simulator.result import LiveReport, Result
from simulator.scenario import Scenario

APPENDICES = frozenset({"answers", "scenario"})
"""Their sections."""
SEED_ARTICLE = "“Event-Driven Architecture for AI Workloads: When and How to Use It”, Ajay Prajapat, 30 November 2025"


def method(
    scenario: Scenario | None, result: Result | None, versions: Mapping[str, str], recording: Recording | None = None
) -> Section:
    blocks: list[Block] = [
        Paragraph(
            "The advice weighs forces: each rule that fires speaks for a style with a weight, and their sum from −1 "
            "(synchronous) to +1 (event-driven) leans from 0.15 and is clear from 0.5; hard constraints rule a style out "
            f"whatever the sum. The forces are those of {SEED_ARTICLE}, with queueing theory where that is silent."
        )
    ]
    if result is not None:
        blocks += _simulated(result)
    known = ", ".join(f"{name} {version}" for name, version in versions.items())
    blocks.append(Paragraph(f"Versions: {known}."))
    recording_too = f", put the recording next to it as {recording.file}" if recording else ""
    blocks.append(
        Paragraph(
            f"To work it out again, save Appendix A as answers.json{recording_too}, and run (a bundle has the files):"
        )
    )
    blocks.append(Listing(f"{COMMAND} advise answers.json", "The advice", "sh"))
    if scenario is not None and result is not None:
        engine_words = wording.found_by(result)
        blocks.append(
            Paragraph(f"and for {wording.uncapitalised(engine_words)} save Appendix B as scenario.json and run:")
        )
        blocks.append(Listing(simulate_command(scenario, result), engine_words, "sh"))
    return Section("method", "Method", tuple(blocks))


def simulate_command(scenario: Scenario, result: Result) -> str:
    """Repeats a kernel run to the last digit, a live run on the same jobs."""
    if result.live is not None:
        return f"{live_command(result.live)} --seed {result.seed}"
    return (
        f"{COMMAND} simulate scenario.json --engine {result.engine} --seed {result.seed} "
        f"--replications {result.replications}"
    )


def live_command(live: LiveReport) -> str:
    pace = "--endpoint outside" if live.endpoint is not None else f"--speed {live.speed:.12g}"
    return (
        f"{COMMAND} simulate scenario.json --engine live {pace} --seconds {live.seconds:.12g} --workers {live.workers}"
    )


def _simulated(result: Result) -> list[Block]:
    return [
        Paragraph(_how_counted(result)),
        ItemList(
            (
                ListItem(
                    "Latency: from a job's first attempt to its result in hand, over all offered jobs; "
                    "one that is never served counts as infinite."
                ),
                ListItem(
                    "Wait: time in queue, backlog or pacing, over all attempts, without backoff and service, of every job that was taken in; "
                    "one that left without being started counts with the time until it left."
                ),
                ListItem("Good: completed within the deadline. Late: completed after it."),
                ListItem(
                    "Offered = completed + failed + timed out + rejected + dead-lettered + undelivered + lost + in system + undecided. "
                    "Undecided: under way, before its deadline, when the run was cut; the good share is of the jobs whose deadline had passed."
                ),
                ListItem(
                    "Intervals are 95 %; a share's is never narrower than the exact one of that many independent jobs (Clopper and Pearson). "
                    "The difference is paired by replication: both designs see the same draws."
                ),
            )
        ),
    ]


def _how_counted(result: Result) -> str:
    if result.engine == "live":
        return (
            f"The live run sent the jobs of a simulation (seed {result.seed}) through real parts, and measured instants by the machine's "
            "clock. Its counts are of original jobs, by their final state. Definitions:"
        )
    replications = count(result.replications, "replication")
    return (
        f"The simulation is one of discrete events ({replications}, seed {result.seed}). Its counts are of original jobs, "
        "by their final state, summed over replications; percentiles are of all these jobs, other figures means over replications. Definitions:"
    )


def appendices(answers: Answers, scenario: Scenario | None) -> tuple[Section, ...]:
    listing = Listing(answers_json(answers), "answers.json", "json")
    first = Section("answers", "Appendix A: Answers", (listing,))
    if scenario is None:
        return (first,)
    listing = Listing(scenario_json(scenario), "scenario.json", "json")
    return first, Section("scenario", "Appendix B: Scenario", (listing,))


def answers_json(answers: Answers) -> str:
    return _json(answers.model_dump(mode="json", by_alias=True))


def scenario_json(scenario: Scenario) -> str:
    given = scenario.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return _json({"schema": scenario.schema_} | given)


def _json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False)
