"""A job to be: what is asked, what may draw it, and what comes with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from atelier_api.offer import Offer
from atelier_core.contracts.events import BatchEntry
from atelier_core.contracts.problems import Code, Problem
from atelier_core.domain.request import AcceptedJob, ImageRequest

MAX_MESSAGE = 15 * 1024 * 1024  # bytes of a batch's entries: RabbitMQ takes 16 MiB in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job that is not accepted yet."""

    request: ImageRequest
    offer: Offer
    tags: tuple[str, ...]
    metadata: dict[str, str]
    retried_from: str | None = None

    def accepted(self, job_id: str, owner: str, at: datetime) -> AcceptedJob:
        """The job of its own that it becomes."""
        return AcceptedJob(
            id=job_id,
            owner=owner,
            retried_from=self.retried_from,
            request=self.request,
            tags=self.tags,
            metadata=self.metadata,
            warnings=self.offer.warnings,
            created_at=at,
        )

    @property
    def entry(self) -> BatchEntry:
        """The job of a batch that it becomes."""
        return BatchEntry(
            request=self.request,
            tags=self.tags,
            metadata=self.metadata,
            warnings=self.offer.warnings,
        )


def refuse_oversized(orders: Iterable[Order]) -> None:
    """Raises Problem: body_too_large, where a batch of `orders` is more than one message holds."""
    size = 0
    for order in orders:
        size += len(order.entry.model_dump_json().encode())
        if size > MAX_MESSAGE:
            raise Problem(
                Code.BODY_TOO_LARGE,
                f"Its entries, each with all they share, have more than {MAX_MESSAGE:,} bytes:"
                " send them in parts.",
            )
