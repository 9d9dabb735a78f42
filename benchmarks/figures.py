"""`make bench`: every figure of README.md in one run.

    python benchmarks/figures.py [--jobs N] [--rounds N] [--only compare,…] [--json FILE]

Ctrl-C ends it: what it started is stopped, what it stored is removed.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from accounting import machine  # noqa: E402
from compare import compare, scenarios  # noqa: E402
from fairness import fairness  # noqa: E402
from limit import broker_loop  # noqa: E402
from open_calls import open_calls  # noqa: E402
from places import Where, servers_from_environment  # noqa: E402
from report import tables  # noqa: E402
from sockets import sockets  # noqa: E402
from versions import versions  # noqa: E402

PARTS = ("limit", "compare", "calls", "sockets", "fairness")


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def measure(where: Where, arguments: argparse.Namespace, found: dict[str, Any]) -> None:
    """Fill `found`, so that what was measured before an end is not lost."""
    if "limit" in arguments.only:
        found["limit"] = asyncio.run(broker_loop(where.amqp, messages=20 * arguments.jobs))
    if "compare" in arguments.only:
        found["compare"] = []
        for scenario in scenarios(arguments.jobs):
            say(f"{scenario.picture_bytes} bytes, {scenario.sink}, {scenario.jobs} jobs a turn")
            rows = compare(where, scenario, rounds=arguments.rounds, say=say)
            of = {"scenario": asdict(scenario), "rows": [row.summary() for row in rows]}
            found["compare"].append(of)
    for part, title, run in (
        ("calls", "2,000 calls open", open_calls),
        ("sockets", f"{arguments.sockets:,} sockets", partial(sockets, count=arguments.sockets)),
        ("fairness", "one picture and five hundred", fairness),
    ):
        if part in arguments.only:
            say(title)
            found[part] = run(where, say=say)


def _stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # once is enough: cleaning up takes some seconds
    print("\nStopping what was started…", file=sys.stderr)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=600, help="a turn, with small pictures")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sockets", type=int, default=1_000, help="told of one change")
    parser.add_argument("--only", type=lambda s: s.split(","), default=PARTS, help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    where = servers_from_environment()
    if where is None:
        print(
            "Set ATELIER_TEST_AMQP_URL, ATELIER_TEST_MONGO_URL and ATELIER_TEST_S3_…",
            file=sys.stderr,
        )
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    say(machine())
    found: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": versions(where),
    }
    status = 0
    try:
        measure(where, arguments, found)
    except KeyboardInterrupt:
        status = 130
    finally:
        print(tables(found))
        if arguments.json:
            arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
