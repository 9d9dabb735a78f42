"""What a submission answers beside the job itself."""

from typing import Literal

from atelier_api.offer import CostRange, Step
from atelier_core.domain.batch import Batch
from atelier_core.domain.request import ImageRequest, RequestWarning
from atelier_core.domain.values import Value


class AcceptedBatch(Batch):
    """A batch as its acceptance answers it."""

    job_ids: tuple[str, ...]


class DryJob(Value):
    """What would be accepted, and who would be asked for it."""

    index: int
    request: ImageRequest
    warnings: tuple[RequestWarning, ...]
    chain: tuple[Step, ...]


class DryRun(Value):
    """What a submission would do; nothing was queued and nothing spent."""

    object: Literal["dry_run"] = "dry_run"
    jobs: tuple[DryJob, ...]
    cost: CostRange
