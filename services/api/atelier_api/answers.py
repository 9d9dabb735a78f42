"""What a submission answers beside the job itself."""

from atelier_core.domain.batch import Batch


class AcceptedBatch(Batch):
    """A batch as its acceptance answers it."""

    job_ids: tuple[str, ...]
