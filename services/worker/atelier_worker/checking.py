"""Whether providers would take calls: each is asked at once, what it says becomes a finding."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from atelier_worker.ports import Fault, ImageProvider, NotCheckableError, ProviderError

SECONDS: Final = 20.0  # for one provider: somebody waits for the answer


class Result(StrEnum):
    """What a check came to."""

    WORKS = "works"
    REFUSED = "refused"
    UNPAID = "unpaid"
    LIMITED = "limited"
    UNREACHABLE = "unreachable"
    UNUSABLE = "unusable"
    NOT_CHECKABLE = "not_checkable"


_BY_FAULT: Final[Mapping[Fault, Result]] = {  # every other: what answered is of no use as it is
    Fault.AUTH: Result.REFUSED,
    Fault.BILLING: Result.UNPAID,
    Fault.RATE_LIMITED: Result.LIMITED,
    Fault.OVERLOADED: Result.UNREACHABLE,
    Fault.TIMEOUT: Result.UNREACHABLE,
    Fault.TRANSPORT: Result.UNREACHABLE,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """About one provider; `detail` is a sentence for people, and nothing here holds a secret."""

    provider: str
    result: Result
    detail: str
    error: Fault | None = None
    http_status: int | None = None
    retry_after: float | None = None


async def check_all(
    providers: Iterable[ImageProvider], *, seconds: float = SECONDS
) -> tuple[Finding, ...]:
    """A finding for each, in their order; one that is silent for `seconds` is not reachable."""
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_check(provider, seconds)) for provider in providers]
    return tuple(task.result() for task in asked)


async def _check(provider: ImageProvider, seconds: float) -> Finding:
    try:
        async with asyncio.timeout(seconds):
            detail = await provider.check()
    except NotCheckableError as exc:
        return Finding(provider=provider.name, result=Result.NOT_CHECKABLE, detail=str(exc))
    except TimeoutError:
        detail = f"The provider did not answer within {seconds:g} s."
        return _failed(provider, ProviderError(Fault.TIMEOUT, detail))
    except ProviderError as exc:
        return _failed(provider, exc)
    return Finding(provider=provider.name, result=Result.WORKS, detail=detail)


def _failed(provider: ImageProvider, error: ProviderError) -> Finding:
    return Finding(
        provider=provider.name,
        result=_BY_FAULT.get(error.fault, Result.UNUSABLE),
        detail=error.detail,
        error=error.fault,
        http_status=error.http_status,
        retry_after=error.retry_after,
    )
