from collections.abc import AsyncIterator, Iterator

import pytest

from private_database import DatabaseUser, database_user
from servers import S3
from toxiproxy import Toxiproxy
from wired import Wired, wired


@pytest.fixture(scope="session")
def database(mongo_url: str) -> Iterator[DatabaseUser]:
    with database_user(mongo_url) as user:
        yield user


@pytest.fixture(scope="session")
def standing(
    tmp_path_factory: pytest.TempPathFactory, toxiproxy: Toxiproxy, database: DatabaseUser, s3: S3
) -> Iterator[Wired]:
    with wired(tmp_path_factory.mktemp("wired"), toxiproxy, database.url, s3) as platform:
        yield platform


@pytest.fixture
async def whole(standing: Wired) -> AsyncIterator[Wired]:
    """The platform in good health, and in good health again afterwards."""
    await standing.ready()
    try:
        yield standing
    finally:
        standing.heal()
        await standing.ready()
