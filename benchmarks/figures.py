"""`make bench`: every figure of README.md in one run.

    python benchmarks/figures.py [--jobs N] [--rounds N] [--only compare,…] [--json FILE] [--table FILE]

Ctrl-C ends it: what it started is stopped, what it stored is removed.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from accounting import machine  # noqa: E402
from compare import compare, scenarios  # noqa: E402
from systems import Where, servers_from_environment  # noqa: E402

PARTS = ("compare",)


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def measure(where: Where, arguments: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {"machine": machine(), "date": time.strftime("%Y-%m-%d")}
    if "compare" in arguments.only:
        found["compare"] = []
        for scenario in scenarios(arguments.jobs):
            say(f"{scenario}")
            rows = compare(where, scenario, rounds=arguments.rounds, say=say)
            found["compare"].append(
                {"scenario": vars(scenario), "rows": [r.summary() for r in rows]}
            )
    return found


def _stop(*_: object) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # once is enough: cleaning up takes some seconds
    print("\nStopping what was started…", file=sys.stderr)
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=600, help="a turn, with small pictures")
    parser.add_argument("--rounds", type=int, default=3)
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
    try:
        found = measure(where, arguments)
    except KeyboardInterrupt:
        return 130
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
