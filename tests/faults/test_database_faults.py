"""What the database and the way to it do to us: events wait, and the API goes on accepting."""

import pytest

from toxiproxy import Wire
from wired import Harm, Wired, harmed_in_turn

pytestmark = [pytest.mark.anyio, pytest.mark.external, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("harm", "seconds"),
    [(Wire.cut, 0.7), (Wire.silence, 3.5), (Wire.slow, 3.0)],
    ids=["cut", "silent", "slow"],
)
async def test_jobs_outlive_the_way_to_the_database(
    whole: Wired, harm: Harm, seconds: float
) -> None:
    async with whole.load():
        await harmed_in_turn(whole.of("mongo"), harm, seconds=seconds)
