"""Who a request speaks for."""

from datetime import UTC, datetime, timedelta

import pytest

from atelier_api.sessions import Sessions
from atelier_api.stores.memory import MemoryTickets
from atelier_core.contracts.problems import UnauthenticatedError
from atelier_core.ports import Credentials

pytestmark = pytest.mark.anyio


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(api_key="key", tickets=MemoryTickets(clock), clock=clock)


async def test_a_session_lasts_thirty_days(sessions: Sessions, clock: Clock) -> None:
    token, expires = sessions.new_session()
    assert expires == clock.time + timedelta(days=30)
    assert await sessions.identify(Credentials(session=token)) == "local"
    clock.time = expires - timedelta(seconds=1)
    assert await sessions.identify(Credentials(session=token)) == "local"
    clock.time = expires
    with pytest.raises(UnauthenticatedError):
        await sessions.identify(Credentials(session=token))


async def test_another_key_ends_every_session(sessions: Sessions, clock: Clock) -> None:
    token, _ = sessions.new_session()
    other = Sessions(api_key="new key", tickets=MemoryTickets(clock), clock=clock)
    assert other.expiry(token) is None
    assert sessions.expiry(token) is not None


@pytest.mark.parametrize(
    "forged",
    [
        "",
        ".",
        "..",
        "x",
        "9999999999.x.",
        "9999999999.abc." + "0" * 64,
        "é.é.é",
        "\ud800",
        "1" * 9999,
    ],
)
async def test_forged_sessions_are_nobodys(sessions: Sessions, forged: str) -> None:
    with pytest.raises(UnauthenticatedError):
        await sessions.identify(Credentials(session=forged))


async def test_a_wrong_bearer_is_not_rescued_by_a_cookie(sessions: Sessions) -> None:
    token, _ = sessions.new_session()
    with pytest.raises(UnauthenticatedError):
        await sessions.identify(Credentials(bearer="wrong", session=token))


async def test_a_ticket_is_good_once_and_for_30_s(sessions: Sessions, clock: Clock) -> None:
    ticket, expires = await sessions.new_ticket("owner")
    assert expires == clock.time + timedelta(seconds=30)
    assert await sessions.identify(Credentials(ticket=ticket)) == "owner"
    late, _ = await sessions.new_ticket("owner")
    clock.time += timedelta(seconds=30)
    for used_or_late in (ticket, late, "", "x" * 10_000):
        with pytest.raises(UnauthenticatedError):
            await sessions.identify(Credentials(ticket=used_or_late))


async def test_without_a_key_everybody_is_local(clock: Clock) -> None:
    open_ = Sessions(api_key=None, tickets=MemoryTickets(clock), clock=clock)
    assert await open_.identify(Credentials(bearer="anything")) == "local"
    assert not open_.is_key("")
