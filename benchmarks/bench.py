"""`make bench`: how fast the platform is here and now, and where the time goes.

A job counts when its terminal event has reached a websocket. CPU is each process's own, with the
ones it started. Compare rows of one run, not figures of two machines.

    python benchmarks/bench.py [embedded] [distributed] [--jobs N]
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from os import environ
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from load import Result, quantile, run  # noqa: E402
from platforms import Platform, corner, distributed, embedded  # noqa: E402
from servers import S3  # noqa: E402

FAKE = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_BYTES": str(64 * 1024)}
BODY = {"prompt": "a benchmark", "size": "64x64"}


def show(title: str, result: Result) -> None:
    print(f"\n{title}")
    print(f"  {result.rate:7.0f} jobs/s   ({result.jobs} jobs in {result.seconds:.1f} s)", end="")
    print("   " + ", ".join(f"{n} {status}" for status, n in sorted(result.statuses.items())))
    for name, values in (("submit", result.submit), ("end to end", result.end_to_end)):
        print(
            f"  {name:10}  p50 {quantile(values, 0.5):8.1f} ms   p99 {quantile(values, 0.99):8.1f} ms"
        )
    for name, seconds in result.cpu.items():
        print(f"  {name:10}  {seconds / result.jobs * 1000:8.2f} ms CPU a job")


async def rows(platform: Platform, jobs: int) -> None:
    pids = {name: p.pid for name, p in platform.processes.items()}
    common = {"headers": platform.headers, "pids": pids}
    await run(
        platform.origin, jobs=50, concurrency=8, body={**BODY, "model": "fake/free"}, **common
    )
    for model in ("fake/free", "fake/paid"):
        body = {**BODY, "model": model}
        result = await run(platform.origin, jobs=jobs, concurrency=32, body=body, **common)
        show(f"{platform.kind}, {model}, 64 KiB pictures, 32 submitters", result)
        rate = result.rate * 0.5
        calm = await run(
            platform.origin, jobs=jobs // 2, concurrency=200, body=body, rate=rate, **common
        )
        show(f"{platform.kind}, {model}, open loop at {rate:.0f} jobs/s", calm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=["embedded", "distributed"])
    parser.add_argument("--jobs", type=int, default=2000)
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            if kind == "embedded":
                platform = stack.enter_context(embedded(Path(folder), env=FAKE))
            else:
                servers = from_environment()
                if servers is None:
                    print("\ndistributed: skipped, set ATELIER_TEST_AMQP_URL, _MONGO_URL and _S3_…")
                    continue
                platform = stack.enter_context(
                    distributed(
                        Path(folder),
                        stack.enter_context(corner(*servers)),
                        workers=1,
                        galleries=1,
                        env=FAKE,
                    )
                )
            asyncio.run(rows(platform, arguments.jobs))


def from_environment() -> tuple[str, str, S3] | None:
    try:
        s3 = S3(*(environ[f"ATELIER_TEST_S3_{n}"] for n in ("URL", "ACCESS_KEY", "SECRET_KEY")))
        return environ["ATELIER_TEST_AMQP_URL"], environ["ATELIER_TEST_MONGO_URL"], s3
    except KeyError:
        return None


if __name__ == "__main__":
    main()
