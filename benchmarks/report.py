"""The tables of README.md from the figures of a run: `python benchmarks/report.py FILE.json`."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from names import ATELIER, COMMON, TUNED


def tables(found: Mapping[str, Any]) -> str:
    """Markdown, one table for each part that was run."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for part in found.get("compare", []):
        yield from _comparison(part["scenario"], part["rows"])
    if limit := found.get("limit"):
        yield (
            f"\nThe broker alone: {limit['messages_per_second']:,.0f} messages/s of"
            f" {limit['bytes']:,} bytes, {limit['own_ms_per_message']:.3f} ms of CPU each at the"
            f" client and {limit['broker_ms_per_message']:.3f} ms at the broker."
        )
    if calls := found.get("calls"):
        yield from _calls(calls)
    if sockets := found.get("sockets"):
        delay = sockets["delay_ms"]
        costs = ", ".join(f"{k} {v:.0f} µs" for k, v in sockets["us_per_message"].items() if v >= 1)
        yield (
            f"\n{sockets['sockets']:,} sockets told of one change: p50 {delay['p50']:.0f} ms,"
            f" p99 {delay['p99']:.0f} ms, last {delay['max']:.0f} ms ({sockets['changes']} changes;"
            f" CPU a message: {costs}; {sockets['kib_each']:.0f} KiB of the gallery's memory each)."
        )
    if fair := found.get("fairness"):
        yield from _fairness(fair)


def _comparison(scenario: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    kib = scenario["picture_bytes"] / 1024
    size = f"{kib:.0f} KiB" if kib < 1000 else f"{kib / 1024:.1f} MiB"
    sink = "a sink that keeps nothing" if scenario["sink"] == "null" else "MinIO"
    yield f"\n**{size} pictures, {sink}, {scenario['jobs']} jobs a turn**\n"
    yield _row(
        "system", "provider", "thumbnails", "jobs/s", "CPU a job: own", "of the servers",
        "submit at 80 % load, p50 / p99",
    )  # fmt: skip
    yield _row(*["---"] * 7)
    for row in rows:
        submit = row["submit_ms_at_80_percent"]
        yield _row(
            row["system"],
            row["provider"],
            row["derivation"],
            f"{row['jobs_per_second']:.0f}{_times(row, rows, 'jobs_per_second')}",
            f"{row['own_ms_per_job']:.1f} ms{_times(row, rows, 'own_ms_per_job', less=True)}",
            f"{row['servers_ms_per_job']:.1f} ms",
            f"{submit['p50']:.0f} / {submit['p99']:.0f} ms" if submit else "",
        )
    yield "\nWhere it goes, in ms of CPU a job (thumbnails deferred):\n"
    for row in rows:
        if row["derivation"] == "deferred":
            middle = sorted(row["samples"], key=lambda s: sum(s["own"].values()))
            sample = middle[len(middle) // 2]
            parts = {**sample["own"], **sample["servers"]}
            costs = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
            yield f"- {row['system']}, {row['provider']}: {costs}"


def _times(
    row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], key: str, *, less: bool = False
) -> str:
    """How much better than the incumbent as commonly deployed, and than the tuned one."""
    by_name = {r["system"]: r[key] for r in rows if r["derivation"] == row["derivation"]}
    if row["system"] != ATELIER or not by_name.keys() >= {COMMON, TUNED}:
        return ""
    ratios = (row[key] / by_name[name] for name in (COMMON, TUNED))
    return f" ({' / '.join(f'{1 / r if less else r:.1f}' for r in ratios)} x)"


def _calls(calls: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n**{calls['calls']:,} calls of {calls['seconds']:g} s open in one worker process**\n"
    yield _row("", "seconds", "memory", "event loop late, p50 / p99 / max")
    yield _row(*["---"] * 4)
    for phase in ("idle", "opening", "open", "answers"):
        of = calls[phase]
        late = of["loop_late_ms"]
        yield _row(
            phase,
            f"{of['seconds']:.1f}",
            f"{of['rss_mib']:.0f} MiB",
            f"{late['p50']:.1f} / {late['p99']:.0f} / {late['max']:.0f} ms",
        )


def _fairness(fair: Mapping[str, Any]) -> Iterator[str]:
    slot = fair["slot_seconds"] * 1000
    yield (
        f"\n**One picture while {fair['queued_bulk']} are queued as bulk,"
        f" {fair['workers']} workers with {fair['slots_each']} slots of {slot / 1000:g} s**\n"
    )
    yield _row("", "its call starts after, p50 / max", "in slots")
    yield _row(*["---"] * 3)
    for key, title in (("one_by_one", "one by one"), ("at_once", "at once")):
        after = fair[key]["start_after_ms"]
        yield _row(
            f"{fair[key]['pictures']} {title}",
            f"{after['p50']:.0f} / {after['max']:.0f} ms",
            f"{after['p50'] / slot:.2f} / {after['max'] / slot:.2f}",
        )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(tables(json.loads(Path(sys.argv[1]).read_text())), end="")
