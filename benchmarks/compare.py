"""Atelier and the incumbent on the same machine, one after the other, again and again."""

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import incumbent_stack
from accounting import cpu_seconds
from load import Result, quantile, run
from null_sink import null_sink
from systems import System, Where, ateliers, incumbents

SUBMITTERS = 32
LOAD = 0.8  # of the median rate, in the open loop
WARM_UP = 50  # jobs

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    sink: str  # "null" or "MinIO"
    picture_bytes: int
    size: str  # of the picture, in pixels
    jobs: int


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One turn: jobs a second, and milliseconds of CPU a job by process."""

    rate: float
    own: Mapping[str, float]
    servers: Mapping[str, float]


@dataclass(kw_only=True)
class Row:
    """What is known of one system in one scenario."""

    system: str
    provider: str
    derivation: str
    samples: list[Sample] = field(default_factory=list)
    open_loop: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return statistics.median(s.rate for s in self.samples)

    @property
    def own(self) -> float:
        return statistics.median(sum(s.own.values()) for s in self.samples)

    @property
    def servers(self) -> float:
        return statistics.median(sum(s.servers.values()) for s in self.samples)

    def summary(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "jobs_per_second": self.rate,
            "own_ms_per_job": self.own,
            "servers_ms_per_job": self.servers,
        }


def scenarios(jobs: int) -> list[Scenario]:
    """Small pictures and large ones, where pictures cost nothing to keep and where they do."""
    return [
        Scenario(sink=sink, picture_bytes=size, size=pixels, jobs=number)
        for size, pixels, number in (
            (64 * 1024, "64x64", jobs),
            (1_363_149, "1024x1024", max(WARM_UP, jobs // 3)),
        )
        for sink in ("null", "MinIO")
    ]


def compare(where: Where, scenario: Scenario, *, rounds: int, say: Say) -> list[Row]:
    """Every system's row. The incumbent's are left out, with a sentence, where it cannot run."""
    with tempfile.TemporaryDirectory(prefix="atelier-bench-") as folder, ExitStack() as stack:
        if scenario.sink == "null":
            where = Where(amqp=where.amqp, mongo=where.mongo, s3=stack.enter_context(null_sink()))
        systems = stack.enter_context(_systems(where, scenario, Path(folder), say))
        return asyncio.run(_measure(systems, scenario, rounds=rounds, say=say))


@contextmanager
def _systems(where: Where, scenario: Scenario, folder: Path, say: Say) -> Iterator[list[System]]:
    common = {
        "size": scenario.picture_bytes,
        "body": {"prompt": "a benchmark", "size": scenario.size},
    }
    with ExitStack() as stack:
        found = stack.enter_context(ateliers(where, folder, **common))
        if absent := incumbent_stack.missing():
            say(f"The incumbent is not measured. {absent}")
        else:
            found += stack.enter_context(
                incumbents(
                    where.s3,
                    folder,
                    database=stack.enter_context(incumbent_stack.postgres(folder)),
                    redis={
                        durable: stack.enter_context(incumbent_stack.redis(folder, durable=durable))
                        for durable in (False, True)
                    },
                    **common,
                )
            )
        yield found


async def _measure(
    systems: Sequence[System], scenario: Scenario, *, rounds: int, say: Say
) -> list[Row]:
    rows: dict[tuple[str, str, str], Row] = {}

    def row(system: System, derivation: str) -> Row:
        key = (system.name, system.provider, derivation)
        new = Row(system=system.name, provider=system.provider, derivation=derivation)
        return rows.setdefault(key, new)

    for system in systems:
        await _turn(system, jobs=WARM_UP)
    for number in range(rounds):
        for system in systems:
            samples = await _turn(system, jobs=scenario.jobs)
            for derivation, sample in samples.items():
                row(system, derivation).samples.append(sample)
                own, servers = sum(sample.own.values()), sum(sample.servers.values())
                say(
                    f"  round {number + 1}: {system.name}, {system.provider}, {derivation}: "
                    f"{sample.rate:.0f} jobs/s, {own:.2f} + {servers:.2f} ms"
                )
    for system in systems:
        of = row(system, system.derivation)
        result = await _run(system, jobs=scenario.jobs, rate=of.rate * LOAD)
        of.open_loop = {
            "jobs_per_second": of.rate * LOAD,
            "submit_p50_ms": quantile(result.submit, 0.5),
            "submit_p99_ms": quantile(result.submit, 0.99),
            "end_to_end_p50_ms": quantile(result.end_to_end, 0.5),
            "end_to_end_p99_ms": quantile(result.end_to_end, 0.99),
        }
        say(
            f"  80 % load: {system.name}, {system.provider}, {system.derivation}: "
            f"submit p50 {of.open_loop['submit_p50_ms']:.0f} ms, p99 {of.open_loop['submit_p99_ms']:.0f} ms"
        )
        if system.settled:
            await system.settled(scenario.jobs)
    return list(rows.values())


async def _turn(system: System, *, jobs: int) -> dict[str, Sample]:
    """Run `jobs` jobs, and wait until nothing is left to do: a sample for each derivation."""
    roots = {**system.own, **system.servers}
    before = cpu_seconds(roots)
    result = await _run(system, jobs=jobs)
    samples = {system.derivation: _sample(system, jobs, result.seconds, result.cpu)}
    if system.settled:
        await system.settled(jobs)
        seconds, after = time.perf_counter() - result.begun, cpu_seconds(roots)
        used = {name: after[name] - before[name] for name in roots}
        samples["eager"] = _sample(system, jobs, seconds, used)
    return samples


async def _run(system: System, *, jobs: int, rate: float | None = None) -> Result:
    result = await run(
        system.origin,
        jobs=jobs,
        concurrency=200 if rate else SUBMITTERS,
        body=system.body,
        headers=system.headers,
        roots={**system.own, **system.servers},
        rate=rate,
        watch=system.watch,
    )
    if result.statuses != {"succeeded": jobs}:
        raise RuntimeError(f"{system.name}: not every job succeeded: {result.statuses}")
    return result


def _sample(system: System, jobs: int, seconds: float, cpu: Mapping[str, float]) -> Sample:
    by_job: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, names in (("own", system.own), ("servers", system.servers)):
        by_job[kind] = {name: cpu[name] / jobs * 1000 for name in names}
    return Sample(rate=jobs / seconds, **by_job)
