"""The API's stores, one suite for every engine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import OperationFailure

from atelier_api.ports import Claim, IdempotencyStore, Scope, State, TicketStore
from atelier_api.stores import mongo, sqlite
from atelier_api.stores.memory import MemoryIdempotency, MemoryTickets
from atelier_core.adapters.sqlite import SqliteEngine
from atelier_core.domain.values import new_id, now
from atelier_core.errors import RefusedError, SettingsError, TransientError

pytestmark = pytest.mark.anyio


@dataclass
class Stores:
    rows: IdempotencyStore
    tickets: TicketStore


@asynccontextmanager
async def in_memory() -> AsyncIterator[Stores]:
    yield Stores(MemoryIdempotency(), MemoryTickets())


@asynccontextmanager
async def in_sqlite(folder: Path) -> AsyncIterator[Stores]:
    async with (
        SqliteEngine.open(folder / "atelier.db") as engine,
        sqlite.open_stores(engine) as (
            rows,
            tickets,
        ),
    ):
        yield Stores(rows, tickets)


@asynccontextmanager
async def in_mongo(url: str) -> AsyncIterator[Stores]:
    name = f"api_{uuid4().hex[:12]}"
    async with mongo.open_stores(url, database=name) as (rows, tickets, database):
        await database.prepare()
        await database.ping()
        try:
            yield Stores(rows, tickets)
        finally:
            client: AsyncIOMotorClient = AsyncIOMotorClient(url)
            await client.drop_database(name)
            client.close()


@pytest.fixture(params=["memory", "sqlite", "mongo"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stores]:
    opened = {
        "memory": in_memory,
        "sqlite": lambda: in_sqlite(tmp_path),
        "mongo": lambda: in_mongo(request.getfixturevalue("mongo_url")),
    }[request.param]
    async with asyncio.timeout(60), opened() as open_stores:
        yield open_stores


def a_claim(
    key: str = "k", *, owner: str = "local", path: str = "/v1/jobs", body: str = "b"
) -> Claim:
    scope = Scope(owner, "POST", path, key)
    return Claim(scope=scope, fingerprint=body, id=new_id(), created_at=now())


async def test_the_first_claim_makes_the_row(stores: Stores) -> None:
    claim = a_claim()
    [row] = await stores.rows.claim([claim])
    assert (row.mine, row.id, row.state, row.fingerprint) == (True, claim.id, State.PENDING, "b")
    assert row.created_at == claim.created_at
    assert 0 <= row.age < 5


async def test_a_second_claim_finds_the_first(stores: Stores) -> None:
    first, second = a_claim(), a_claim(body="other")
    await stores.rows.claim([first])
    [row] = await stores.rows.claim([second])
    assert (row.mine, row.id, row.fingerprint) == (False, first.id, "b")
    assert row.created_at == first.created_at
    found = await stores.rows.find(first.scope)
    assert found is not None
    assert (found.id, found.mine, found.state) == (first.id, False, State.PENDING)


async def test_the_scope_is_owner_method_path_and_key(stores: Stores) -> None:
    claims = [
        a_claim(),
        a_claim(owner="other"),
        a_claim(path="/v1/batches"),
        a_claim("K"),
        a_claim("k "),
        a_claim("$k.with$dollars"),
        a_claim("x" * 255),
    ]
    assert [row.mine for row in await stores.rows.claim(claims)] == [True] * len(claims)
    assert await stores.rows.find(Scope("local", "DELETE", "/v1/jobs", "k")) is None
    dollars = await stores.rows.find(claims[5].scope)
    assert dollars is not None
    assert dollars.id == claims[5].id


async def test_one_of_many_racing_claims_wins(stores: Stores) -> None:
    groups = [[a_claim("race"), a_claim(f"own-{i}"), a_claim("race")] for i in range(15)]
    answers = await asyncio.gather(*(stores.rows.claim(group) for group in groups))
    racing = [row for rows in answers for row in (rows[0], rows[2])]
    assert sum(row.mine for row in racing) == 1
    assert len({row.id for row in racing}) == 1
    assert all(rows[1].mine for rows in answers)


async def test_states_only_go_where_they_may(stores: Stores) -> None:
    claim, other = a_claim(), a_claim("other")
    await stores.rows.claim([claim, other])

    async def state() -> State | None:
        row = await stores.rows.find(claim.scope)
        return row.state if row else None

    await stores.rows.mark([claim.scope], State.RELEASED)
    assert await state() is State.RELEASED
    await stores.rows.mark([claim.scope, other.scope], State.ACCEPTED)
    assert await state() is State.ACCEPTED
    await stores.rows.mark([claim.scope], State.RELEASED)
    assert await state() is State.ACCEPTED
    await stores.rows.forget(claim.scope)
    assert await state() is State.ACCEPTED


async def test_a_forgotten_row_may_be_claimed_again(stores: Stores) -> None:
    first, second = a_claim(), a_claim()
    await stores.rows.claim([first])
    await stores.rows.forget(first.scope)
    assert await stores.rows.find(first.scope) is None
    [row] = await stores.rows.claim([second])
    assert (row.mine, row.id) == (True, second.id)


async def test_a_claim_is_answered_beside_one_that_is_forgotten(stores: Stores) -> None:
    """The row in its way may be gone by the time it is read."""

    async def claim_and_forget() -> None:
        for _ in range(50):
            claim = a_claim()
            [row] = await stores.rows.claim([claim])
            if row.mine:
                await stores.rows.forget(claim.scope)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(claim_and_forget())
    assert await stores.rows.find(a_claim().scope) is None


async def test_age_is_told_by_the_database(stores: Stores) -> None:
    old = Claim(
        scope=Scope("local", "POST", "/", "old"),
        fingerprint="b",
        id=new_id(),
        created_at=datetime(2020, 1, 1, tzinfo=UTC),
    )
    await stores.rows.claim([old])
    async with asyncio.timeout(5):
        row = await stores.rows.find(old.scope)
        while row is None or row.age == 0:
            row = await stores.rows.find(old.scope)
    assert row.age < 5
    assert row.created_at == old.created_at


async def test_a_ticket_is_good_once(stores: Stores) -> None:
    expires = await stores.tickets.issue("digest", owner="o", seconds=30)
    assert abs((expires - datetime.now(UTC)).total_seconds() - 30) < 5
    racers = await asyncio.gather(*(stores.tickets.redeem("digest") for _ in range(8)))
    assert sorted(racers, key=str) == [None] * 7 + ["o"]
    assert await stores.tickets.redeem("digest") is None


async def test_an_expired_or_unknown_ticket_is_nobodys(stores: Stores) -> None:
    await stores.tickets.issue("digest", owner="o", seconds=0)
    assert await stores.tickets.redeem("digest") is None
    assert await stores.tickets.redeem("unknown") is None


async def test_sqlite_rows_outlive_the_process(tmp_path: Path) -> None:
    claim = a_claim()
    async with in_sqlite(tmp_path) as stores:
        await stores.rows.claim([claim])
        await stores.rows.mark([claim.scope], State.ACCEPTED)
    async with in_sqlite(tmp_path) as stores:
        [row] = await stores.rows.claim([a_claim()])
    assert (row.mine, row.id, row.state) == (False, claim.id, State.ACCEPTED)


async def test_rows_of_yesterday_are_gone(tmp_path: Path) -> None:
    old, new = a_claim("old"), a_claim("new")
    at = [0.0]
    memory = MemoryIdempotency(clock=lambda: at[0])
    await memory.claim([old])
    at[0] = 24 * 3600 + 1
    assert await memory.find(old.scope) is None
    async with (
        SqliteEngine.open(tmp_path / "a.db") as engine,
        sqlite.open_stores(engine) as (
            rows,
            _,
        ),
    ):
        await rows.claim([old])
        await engine.write(lambda c: c.execute("UPDATE api_idempotency SET claimed = 1") and None)
        await rows.claim([new])
        assert await rows.find(old.scope) is None


async def test_mongo_lets_the_server_forget(mongo_url: str) -> None:
    name = f"api_{uuid4().hex[:12]}"
    client: AsyncIOMotorClient = AsyncIOMotorClient(mongo_url)
    async with mongo.open_stores(mongo_url, database=name) as (_, _, database):
        try:
            await database.prepare()
            await database.prepare()
            indexes = await client[name]["api_idempotency"].index_information()
            assert indexes["claimed_at_1"]["expireAfterSeconds"] == 24 * 3600
            tickets = await client[name]["api_tickets"].index_information()
            assert tickets["expires_at_1"]["expireAfterSeconds"] == 0
        finally:
            await client.drop_database(name)
            client.close()


class ReadOnly:
    """A database whose user may look and not touch."""

    async def command(self, _: str) -> dict[str, float]:
        return {"ok": 1.0}

    async def create_index(self, *_: object, **__: object) -> str:
        raise OperationFailure("not authorized on atelier to execute command", 13)


async def test_who_may_not_make_indexes_is_told_which_setting_that_is() -> None:
    database = mongo.MongoDatabase(ReadOnly(), ReadOnly(), ReadOnly())
    for asked in (database.prepare, database.ping):
        with pytest.raises(RefusedError, match="the user in ATELIER_MONGO_URL"):
            await asked()


async def test_a_silent_server_is_trouble_that_passes() -> None:
    async with mongo.open_stores("mongodb://127.0.0.1:1/x") as (rows, tickets, database):
        asked = (
            rows.claim([a_claim()]),
            tickets.redeem("x"),
            database.prepare(),
            database.ping(),
        )
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(answer) for answer in answers] == [TransientError] * 4


@pytest.mark.parametrize(
    "url",
    [
        *("nonsense", "http://x", "mongodb://", "mongodb://a:b:c", "mongodb://user@host"),
        "mongodb://a,b/?directConnection=true",
        "mongodb://a/?tls=true&tlsCAFile=/nowhere",
    ],
)
async def test_a_wrong_address_is_a_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match="ATELIER_MONGO_URL"):
        async with mongo.open_stores(url):
            pass
