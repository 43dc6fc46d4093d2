"""Measures rq and gunicorn in real time, asks `simulate`, and writes the page. `python -m benchmarks.stock_rq --minutes 10`"""

import argparse
import importlib.util
import json
import os
import platform
import signal
import sys
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.stock_rq.analysis import Dispatch, Run, read_dispatch, read_run
from benchmarks.stock_rq.page import Comparison, Conditions, page
from benchmarks.stock_rq.prediction import (
    ALONE,
    REPLAYED,
    Prediction,
    describe,
    overflow_settings,
    replay,
    simulate,
    write_trace,
)
from benchmarks.stock_rq.processes import ROOT, CannotMeasure
from benchmarks.stock_rq.system import measure_dispatch, run_workload
from benchmarks.stock_rq.workloads import workloads

CONDITIONS = "conditions.json"
PACKAGES = ("rq", "redis", "gunicorn", "aiohttp")
SYN_LINEAR_TIMEOUTS = Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
"""How often a SYN is sent again after 1 s before the pauses double; Linux since 6.5."""
LEAST_MINUTES, MOST_MINUTES = 0.1, 120.0


def main() -> int:
    """The command; 0, 1 for a failure, 2 for bad input."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stock_rq", description=__doc__)
    parser.add_argument(
        "--minutes", type=_minutes, default=10.0, help="about how long it all takes, %(default)g by default"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the arrivals, the durations and the failures")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "stock-rq.md", help="the page, docs/stock-rq.md by default"
    )
    records = parser.add_mutually_exclusive_group()
    records.add_argument("--keep", type=Path, help="a folder to keep the Scenario files, the traces and the records in")
    records.add_argument("--records", type=Path, help="predict anew for a folder of --keep, without a measurement")
    options = parser.parse_args()
    if not options.output.parent.is_dir():
        parser.error(f"argument --output: there is no folder {options.output.parent}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the processes on the way
    try:
        with tempfile.TemporaryDirectory(prefix="stock-rq-") as temporary:
            folder = options.records or options.keep or Path(temporary)
            if not options.records:
                folder.mkdir(parents=True, exist_ok=True)
                measure(options.minutes, options.seed, folder)
            text = predicted_page(folder)
    except CannotMeasure as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    options.output.write_text(text)
    print(text)
    return 0


def measure(minutes: float, seed: int, folder: Path) -> None:
    """Measure all workloads, and write the records into the folder. Raises CannotMeasure."""
    if importlib.util.find_spec("gunicorn") is None:
        raise CannotMeasure(f"gunicorn is not installed. Install it: {sys.executable} -m pip install gunicorn")
    load_before = os.getloadavg()[0]
    say("Measuring what rq takes for a job")
    measure_dispatch(_new(folder / "dispatch"))
    for workload in workloads(minutes):
        say(f"{workload.name}: {workload.length_s:.0f} s of arrivals, then until all is done")
        run_workload(workload, seed, _new(folder / workload.name))
    conditions = Conditions(
        minutes=minutes,
        seed=seed,
        date=datetime.now(UTC).strftime("%-d %B %Y"),
        machine=f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()} {platform.release().partition('-')[0]}",
        syn_linear_timeouts=int(SYN_LINEAR_TIMEOUTS.read_text()) if SYN_LINEAR_TIMEOUTS.exists() else 0,
        load_before=load_before,
        load_after=os.getloadavg()[0],
        versions={"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    )
    (folder / CONDITIONS).write_text(json.dumps(asdict(conditions)))


def predicted_page(folder: Path) -> str:
    """Predict what the records of the folder hold, and compare. Raises CannotMeasure."""
    try:
        conditions = Conditions(**json.loads((folder / CONDITIONS).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CannotMeasure(
            f"{folder} holds no finished measurement: {CONDITIONS} is missing or of another version."
        ) from error
    say("Predicting")
    dispatch = read_dispatch(folder / "dispatch")
    overflow = overflow_settings(conditions.syn_linear_timeouts, folder)
    compared = [
        compare(read_run(workload, folder / workload.name), dispatch, conditions.seed, folder / workload.name, overflow)
        for workload in workloads(conditions.minutes)
    ]
    return page(compared, conditions, dispatch, drops=bool(overflow))


def compare(measured: Run, dispatch: Dispatch, seed: int, folder: Path, overflow: dict[str, Any]) -> Comparison:
    """The run with its two predictions; each design's own records are replayed."""
    scenario = describe(measured.workload, len(measured.queue), overflow)
    dispatch_s = dispatch.a_job_s if measured.dispatch_s is None else measured.dispatch_s
    replayed: dict[str, Prediction] = {}
    for design, jobs in (("event_driven", measured.queue), ("synchronous", measured.service)):
        trace = folder / f"{design}.csv"
        write_trace(jobs, seed, trace)
        recorded = replay(scenario, trace, round(dispatch_s, 4))
        replayed[design] = simulate(recorded, folder / f"{design}.json", REPLAYED)[design]
    return Comparison(measured, dispatch_s, simulate(scenario, folder / "scenario.json", ALONE), replayed)


def _new(folder: Path) -> Path:
    """The folder, made; records of another measurement are never added to."""
    try:
        folder.mkdir()
    except FileExistsError as exists:
        raise CannotMeasure(f"{folder} exists already. Name another folder.") from exists
    return folder


def _minutes(given: str) -> float:
    try:
        minutes = float(given)
    except ValueError:
        minutes = -1.0
    if not LEAST_MINUTES <= minutes <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(
            f"give a number of minutes from {LEAST_MINUTES:g} to {MOST_MINUTES:g}, not {given}"
        )
    return minutes


def say(words: str) -> None:
    print(f"{words} …", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
