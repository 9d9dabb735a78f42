"""What becomes of a message once its handler has raised. One answer for every broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from atelier_core.contracts.topology import DELAYS
from atelier_core.errors import ContractError, Defer, PermanentError, TransientError

MAX_FAILURES = 3  # tries of a handler that raises what nobody expected: a bug, not the weather
MAX_AGE = 24 * 3600.0  # seconds a message may be tried again after trouble that passes


@dataclass(frozen=True)
class Retry:
    """Hand it out again after one of the fixed delays; `failed` counts against MAX_FAILURES."""

    delay: float
    failed: bool


@dataclass(frozen=True)
class GiveUp:
    """Keep it as a dead letter; `code` is an error code of the job contract."""

    code: str
    reason: str


Verdict = Retry | GiveUp


def judge(  # noqa: PLR0911 - a table reads best as one match
    error: BaseException,
    *,
    failures: int,
    age: float,
    now: datetime,
    delays: Sequence[float] = DELAYS,
) -> Verdict:
    """Decide the fate of a message whose handler raised `error`.

    Args:
        error: what the handler raised, or what reading the message raised.
        failures: how often a handler failed unexpectedly with this message before.
        age: seconds since the event it carries.
        now: the time `Defer.until` is compared with.
        delays: the broker's fixed delays in seconds, ascending.
    """
    match error:
        case Defer(until=until):
            return Retry(tier((until - now).total_seconds(), delays), failed=False)
        case TransientError(retry_after=after) if age < MAX_AGE:
            return Retry(tier(after or 0, delays), failed=False)
        case TransientError():
            return GiveUp("deadline_passed", describe(error))
        case ContractError():
            return GiveUp("unreadable_message", describe(error))
        case PermanentError():
            return GiveUp("internal_error", describe(error))
        case _ if failures + 1 >= MAX_FAILURES:
            return GiveUp("internal_error", describe(error))
        case _:
            return Retry(delays[0], failed=True)


def tier(seconds: float, delays: Sequence[float] = DELAYS) -> float:
    """The shortest fixed delay that is long enough, or the longest there is."""
    return next((delay for delay in delays if delay >= seconds), delays[-1])


def describe(error: BaseException) -> str:
    """One bounded line for a dead letter: never the message's content."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:500]
