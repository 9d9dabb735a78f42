"""How fast the platform is here and now, and where the time goes (`make bench`: figures.py).

A job counts when its terminal event has reached a websocket. CPU is each process's own, with the
ones it started, of the servers too. Compare rows of one run, not figures of two machines.

    python benchmarks/bench.py [embedded] [distributed] [--jobs N] [--bytes N] [--null-sink]
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from accounting import Roots, machine  # noqa: E402
from load import Result, quantile, run  # noqa: E402
from null_sink import null_sink  # noqa: E402
from places import servers_from_environment  # noqa: E402
from platforms import Platform, embedded  # noqa: E402
from systems import atelier  # noqa: E402

KIB_64 = 64 * 1024
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


async def rows(platform: Platform, *, servers: Roots, jobs: int, about: str) -> None:
    own = {name: [p.pid] for name, p in platform.processes.items()}
    common = {"headers": platform.headers, "roots": {**own, **servers}}
    await run(
        platform.origin, jobs=50, concurrency=8, body={**BODY, "model": "fake/free"}, **common
    )
    for model in ("fake/free", "fake/paid"):
        body = {**BODY, "model": model}
        title = f"{platform.kind}, {model}, {about}, thumbnails deferred"
        result = await run(platform.origin, jobs=jobs, concurrency=32, body=body, **common)
        show(f"{title}, 32 submitters", result)
        rate = result.rate * 0.8
        calm = await run(
            platform.origin, jobs=jobs // 2, concurrency=200, body=body, rate=rate, **common
        )
        show(f"{title}, open loop at 80 %: {rate:.0f} jobs/s", calm)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=["embedded", "distributed"])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--bytes", type=int, default=KIB_64, help="of a picture")
    parser.add_argument("--null-sink", action="store_true", help="instead of the S3 server")
    arguments = parser.parse_args()
    print(machine())
    env = {"ATELIER_PROVIDERS": "fake", "ATELIER_FAKE_BYTES": str(arguments.bytes)}
    about = f"{arguments.bytes // 1024} KiB pictures"
    for kind in arguments.kinds:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            servers: Roots = {}
            if kind == "embedded":
                platform = stack.enter_context(embedded(Path(folder), env=env))
            else:
                where = servers_from_environment()
                if where is None:
                    print("\ndistributed: skipped, set ATELIER_TEST_AMQP_URL, _MONGO_URL and _S3_…")
                    continue
                if arguments.null_sink:
                    where = replace(where, s3=stack.enter_context(null_sink()))
                    about += ", null sink"
                running = stack.enter_context(atelier(where, Path(folder), env=env))
                platform, servers = running.platform, running.servers
            asyncio.run(rows(platform, servers=servers, jobs=arguments.jobs, about=about))


if __name__ == "__main__":
    main()
