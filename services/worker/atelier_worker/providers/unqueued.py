"""For providers that answer the call itself: there is nothing to resume and nothing to cancel."""

from atelier_core.domain.values import Money
from atelier_worker.ports import Answer, Caller, Fault, Order, ProviderError


class Unqueued:
    """The part of an `ImageProvider` that only queue-style vendors have."""

    async def resume(self, _order: Order, _provider_job_id: str, _caller: Caller, /) -> Answer:
        raise ProviderError(Fault.BAD_RESPONSE, "This provider has no calls to resume.")

    async def cancel(self, _provider_job_id: str, /) -> Money:
        raise ProviderError(Fault.BAD_RESPONSE, "This provider has no calls to cancel.")
