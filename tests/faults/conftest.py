from collections.abc import AsyncIterator, Iterator

import pytest

from servers import S3
from toxiproxy import Toxiproxy
from wired import Wired, wired


@pytest.fixture(scope="session")
def standing(
    tmp_path_factory: pytest.TempPathFactory, toxiproxy: Toxiproxy, mongo_url: str, s3: S3
) -> Iterator[Wired]:
    with wired(tmp_path_factory.mktemp("wired"), toxiproxy, mongo_url, s3) as platform:
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
