"""Atelier and the incumbent on the same machine, one after the other, again and again."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import incumbent_stack
from accounting import cpu_seconds
from load import Result, percentiles, run
from null_sink import null_sink
from places import Where
from systems import Say, System, ateliers, incumbents

SUBMITTERS = 32
LOAD = 0.8  # of the median rate, in the open loop
WARM_UP = 100  # jobs


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

    def __str__(self) -> str:
        own, servers = sum(self.own.values()), sum(self.servers.values())
        return f"{self.rate:.0f} jobs/s, {own:.1f} ms of CPU a job, of the servers {servers:.1f}"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """An open loop of so many jobs a second: milliseconds until accepted, and until seen to end."""

    rate: float
    submit: Mapping[str, float]
    end_to_end: Mapping[str, float]

    def __str__(self) -> str:
        accepted = f"p50 {self.submit['p50']:.0f} ms, p99 {self.submit['p99']:.0f} ms"
        return f"at {self.rate:.0f} jobs/s accepted after {accepted}"


@dataclass(kw_only=True)
class Row:
    """What is known of one system in one scenario."""

    system: str
    provider: str
    derivation: str
    samples: list[Sample] = field(default_factory=list)
    open_loop: list[Loaded] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.system}, {self.provider} provider, {self.derivation} thumbnails"

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
            "submit_ms_at_80_percent": {
                quantile: statistics.median(loop.submit[quantile] for loop in self.open_loop)
                for quantile in ("p50", "p99")
                if self.open_loop
            },
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
    for system in systems:
        await _turn(system, jobs=WARM_UP)
    for number in range(1, rounds + 1):
        for system in systems:
            for derivation, sample in (await _turn(system, jobs=scenario.jobs)).items():
                key = (system.name, system.provider, derivation)
                new = Row(system=system.name, provider=system.provider, derivation=derivation)
                row = rows.setdefault(key, new)
                row.samples.append(sample)
                say(f"  round {number}: {row.title}: {sample}")
                if derivation == system.derivation:
                    load = await _open_loop(system, jobs=scenario.jobs // 2, rate=sample.rate)
                    row.open_loop.append(load)
                    say(f"  round {number}: {row.title}: {load}")
    return list(rows.values())


async def _open_loop(system: System, *, jobs: int, rate: float) -> Loaded:
    """At 80 % of what was just reached: on a busy machine the rate of another minute says little."""
    result = await _run(system, jobs=jobs, rate=rate * LOAD)
    if system.settled:
        await system.settled(jobs)
    return Loaded(
        rate=rate * LOAD,
        submit=percentiles(result.submit),
        end_to_end=percentiles(result.end_to_end),
    )


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
    def of(names: Iterable[str]) -> dict[str, float]:
        return {name: cpu[name] / jobs * 1000 for name in names}

    return Sample(rate=jobs / seconds, own=of(system.own), servers=of(system.servers))
