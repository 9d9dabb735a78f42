"""What a dry run answers, as frozen values."""

from decimal import Decimal
from typing import Any

from pydantic import Field

from atelier_client.values import Resource, Value, Warned


class CostRange(Value):
    """What something may cost, at least and at most; unknown (None) is never zero."""

    min: Decimal | None = None
    max: Decimal | None = None
    currency: str = "USD"
    status: str = "unknown"


class PlannedStep(Value):
    """A model that would be asked; `ignored` are the parameters that it does not honour."""

    provider: str
    model: str
    calls: int = 1
    prompt_as_sent: str = ""
    ignored: tuple[str, ...] = ()
    cost: CostRange = CostRange()


class PlannedJob(Value):
    """A job that would be: its request, and who would be asked for it, one after the other."""

    index: int = 0
    request: dict[str, Any] = Field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()
    chain: tuple[PlannedStep, ...] = ()
    cost: CostRange = CostRange()


class DryRun(Resource):
    """What a submission would do and cost; nothing was queued."""

    jobs: tuple[PlannedJob, ...] = ()
    cost: CostRange = CostRange()
