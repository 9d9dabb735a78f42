"""Which providers are on and how they do, from what the workers announce."""

from datetime import UTC, datetime
from typing import Any

import pytest

from atelier_api.workers import Workers
from atelier_core.contracts.events import Health, ModelHealth, ProviderHealth, WorkerStatus

pytestmark = pytest.mark.anyio

SOON = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 21, 9, 31, tzinfo=UTC)


def status(incarnation: str, *providers: str, **health: ProviderHealth) -> WorkerStatus:
    return WorkerStatus(
        owner="", incarnation=incarnation, providers=providers, slots=1, busy=0, health=health
    )


def health(state: Health, **more: Any) -> ProviderHealth:
    return ProviderHealth.model_validate({"state": state, **more})


async def test_who_is_on() -> None:
    at = [0.0]
    workers = Workers(lambda: at[0])
    at[0] = 100
    assert workers.known_on() is None, "nothing was ever heard"
    await workers.hear(status("one", "demo"))
    await workers.hear(status("two", "fake"))
    assert workers.known_on() == {"demo", "fake"}
    found = workers.standing("demo")
    assert found
    assert (found.workers, workers.standing("other")) == (1, None)
    at[0] = 115
    await workers.hear(status("two", "fake"))
    at[0] = 131
    assert workers.known_on() == {"fake"}, "the first is silent for more than 30 s"
    assert not workers.is_on("demo")
    at[0] = 200
    assert workers.standing("fake") is None
    assert workers.known_on() == {"demo", "fake"}, "scaled to none: jobs wait for the last known"


async def test_a_fresh_process_assumes_the_best() -> None:
    at = [0.0]
    workers = Workers(lambda: at[0])
    assert workers.likely_on() is None
    await workers.hear(status("one", "demo"))
    assert workers.is_on("fake")
    assert workers.likely_on() == {"demo"}, "but asks who is there"
    at[0] = 30
    await workers.hear(status("one", "demo"))
    assert not workers.is_on("fake")


async def test_a_provider_is_as_its_workers_find_it() -> None:
    workers = Workers(lambda: 0.0)
    await workers.hear(status("one", "fal", fal=health(Health.HEALTHY, limit=5)))
    first = workers.standing("fal")
    assert first
    assert (first.state, first.limit, first.until, first.error) == (Health.HEALTHY, 5, None, None)

    limited = health(Health.LIMITED, limit=2, error="provider_rate_limited")
    await workers.hear(status("two", "fal", fal=limited))
    both = workers.standing("fal")
    assert both
    assert (both.workers, both.state, both.limit) == (2, Health.LIMITED, 7)
    assert both.error == "provider_rate_limited"

    opened = {"limit": 0, "error": "provider_overloaded"}
    one = health(Health.UNHEALTHY, until=LATER, **opened)
    two = health(Health.UNHEALTHY, until=SOON, **opened)
    await workers.hear(status("one", "fal", fal=one))
    some = workers.standing("fal")
    assert some
    assert (some.state, some.error) == (Health.LIMITED, "provider_overloaded"), "not everywhere"
    await workers.hear(status("two", "fal", fal=two))
    down = workers.standing("fal")
    assert down
    assert (down.state, down.until, down.limit) == (Health.UNHEALTHY, SOON, 0)

    await workers.hear(status("old", "fal"))
    mixed = workers.standing("fal")
    assert mixed
    assert (mixed.workers, mixed.state, mixed.limit) == (3, Health.LIMITED, None), "one is silent"


async def test_a_model_is_as_the_worker_finds_it_that_tries_it_first() -> None:
    workers = Workers(lambda: 0.0)
    gated = ModelHealth(until=LATER, error="provider_auth")
    for name, models in (
        ("one", {"fal/flux": gated, "fal/sdxl": ModelHealth(until=SOON)}),
        ("two", {"fal/flux": gated.model_copy(update={"until": SOON})}),
        ("three", {"fal/flux": ModelHealth()}),
        ("old", {}),
    ):
        await workers.hear(status(name, "fal", fal=ProviderHealth(models=models)))
    found = workers.standing("fal")
    assert found
    assert found.state is Health.HEALTHY, "the others are drawn"
    assert {name: (model.until, model.error) for name, model in found.models.items()} == {
        "fal/flux": (SOON, "provider_auth"),
        "fal/sdxl": (SOON, None),
    }
