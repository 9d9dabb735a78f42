"""What vendors with a queue share: what they work on is bought, so trouble is waited out."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Final, TypeVar

from atelier_core.domain.values import Money
from atelier_worker.ports import AGAIN, Fault, ProviderError
from atelier_worker.providers.talk import UnreadableError

log = logging.getLogger(__name__)

SLOWEST: Final = 3.0  # seconds between two looks
LONGEST: Final = 60.0  # seconds a vendor's `Retry-After` is obeyed for a look
BROKEN: Final = 5  # answers 500, or none that can be read, in a row: then a call is given up

_T = TypeVar("_T")
_UNKNOWN: Final = Money.unknown()
_PERCENT = re.compile(r"(\d{1,3})%\|")  # a line of tqdm


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How a call is followed, in seconds: until the `first` look at it, and `pauses` after the
    first, second, … trouble in a row (then always the last). One that is given up costs `cost`.
    """

    first: float = 0.5
    pauses: tuple[float, ...] = (0.5, 2.0, 5.0)
    cost: Money = _UNKNOWN

    def looks(self) -> Iterator[float]:
        """The pauses between the looks at a call: short ones at first."""
        pause = self.first
        while True:
            yield pause
            pause = min(pause * 1.25, max(self.first, SLOWEST))

    async def patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """What `ask` brings, asked again and again while the vendor is away, busy or cut off.

        For calls that were submitted. It has no limit of its own: the caller's is the call's.

        Raises:
            ProviderError: the vendor's last word. As the call may have been worked on, it never
                passes for one that costs nothing; unless the vendor says, its cost is unknown.
        """
        broken = 0
        pauses = chain(self.pauses, repeat(self.pauses[-1]))
        while True:
            try:
                return await ask()
            except ProviderError as exc:
                odd = isinstance(exc, UnreadableError)
                broken = broken + 1 if odd or exc.http_status == 500 else 0  # noqa: PLR2004 - a status
                if not (odd or exc.fault in AGAIN) or broken >= BROKEN:
                    raise last_word(exc, cost=self.cost) from exc
                await asyncio.sleep(max(next(pauses), min(exc.retry_after or 0.0, LONGEST)))


USUAL: Final = Pace()


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do `work`, which may fail without harm, for as long as the body lasts."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (error := task.exception()):
            log.warning("progress is not known", extra={"error": str(error)})


def fraction_in(log: str) -> float | None:
    """How far a vendor's log says that the work is, 0 to 1; None if it does not say."""
    found = _PERCENT.findall(log[-4_000:])
    return min(int(found[-1]), 100) / 100 if found else None


def last_word(error: ProviderError, *, cost: Money) -> ProviderError:
    """`error` as the end of a call that was submitted: not to be tried again, and perhaps paid."""
    waiting = error.fault in AGAIN or error.fault is Fault.MODEL_UNAVAILABLE
    return ProviderError(
        Fault.BAD_RESPONSE if waiting else error.fault,
        error.detail,
        http_status=error.http_status,
        provider_request_id=error.provider_request_id,
        cost=error.cost or cost,
    )
