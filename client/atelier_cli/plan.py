"""What a dry run says, as a table: who would be asked in turn, and what it may cost."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from atelier_cli.render import cell, table, warned
from atelier_cli.text import counted
from atelier_client import DryRun
from atelier_client.planned import CostRange, PlannedJob


def dry_run_table(plan: DryRun) -> RenderableType:
    """Every link of every chain; neighbours that would go the same way are one."""
    rows: list[list[str | Text]] = []
    for _, same in groupby(plan.jobs, key=lambda job: [*_way(job)]):
        jobs = [*same]
        first, last = jobs[0].index + 1, jobs[-1].index + 1
        name = f"{first}" if first == last else f"{first}-{last}"
        for link in jobs[0].chain:
            without = cell(", ".join(link.ignored))
            rows.append([name, cell(link.model), str(link.calls), _cost(link.cost), without])
            name = ""
    names = ["JOB", "ASKED IN TURN", ">CALLS", ">USD", "WITHOUT"]
    kept = [index for index in range(5) if index or len(plan.jobs) > 1]
    if not any(link.ignored for job in plan.jobs for link in job.chain):
        kept.pop()
    shown = table(*(names[i] for i in kept), rows=([row[i] for i in kept] for row in rows))
    return Group(shown, *_remarks(plan), "", _total(plan))


def _way(job: PlannedJob) -> Iterator[tuple[object, ...]]:
    for link in job.chain:
        yield link.model, link.calls, link.ignored, str(_cost(link.cost))


def _remarks(plan: DryRun) -> Iterator[Text]:
    warnings = dict.fromkeys(warned(w) for job in plan.jobs for w in job.warnings)
    yield from (cell(f"Warning: {warning}") for warning in warnings)
    if len(plan.jobs) == 1 and plan.jobs[0].chain:
        sent = plan.jobs[0].chain[0].prompt_as_sent
        if sent and sent != plan.jobs[0].request.get("prompt"):
            yield cell(f"Prompt as sent: {sent}")


def _total(plan: DryRun) -> Text:
    cost = plan.cost
    amount = _cost(cost)
    if cost.max:
        amount.append(" USD" if cost.currency == "USD" else "")
    twice = ", the most if the dearest has to be asked twice" if cost.min != cost.max else ""
    jobs = counted(len(plan.jobs), "job")
    return Text.assemble(f"{jobs}, cost ", amount, f"{twice}. Nothing was queued.")


def _cost(cost: CostRange) -> Text:
    """Dollars without saying so; `~` is an estimate."""
    if cost.max is None:
        return Text("unknown")
    if not cost.max:
        return Text("nothing")
    about = "~" if cost.status == "estimated" else ""
    low = "" if cost.min in (None, cost.max) else f"{cost.min:f}-"
    currency = "" if cost.currency == "USD" else f" {cost.currency}"
    return cell(f"{about}{low}{cost.max:f}{currency}")
