"""What the workers say they can do: which providers are on, and how these do."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from atelier_core.contracts.events import Event, Health, ModelHealth, ProviderHealth, WorkerStatus

GOOD_FOR = 30.0  # seconds a worker's announcement counts, and a fresh process assumes the best

_WORSE = {Health.HEALTHY: 0, Health.LIMITED: 1, Health.UNHEALTHY: 2}


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider over all living workers that offer it: how many, and how it does there.

    `limit` is the calls they may have open together, None if one of them does not say. `models`
    are left alone by one of them at least.
    """

    workers: int
    state: Health
    until: datetime | None
    limit: int | None
    error: str | None
    models: Mapping[str, ModelHealth]


class Workers:
    """Hears announcements, which are lossy: silence alone refuses nobody."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._started = clock()
        self._heard: dict[str, tuple[float, WorkerStatus]] = {}
        self._last: frozenset[str] | None = None

    async def hear(self, event: Event) -> None:
        """Take a `worker.status`."""
        if isinstance(event, WorkerStatus):
            self._heard[event.incarnation] = (self._clock(), event)
            living = self._living()
            self._heard = {said.incarnation: self._heard[said.incarnation] for said in living}
            self._last = _offered(living)

    def standing(self, provider: str) -> Standing | None:
        """How `provider` does right now; None if no living worker offers it."""
        told = [
            said.health.get(provider, ProviderHealth())
            for said in self._living()
            if provider in said.providers
        ]
        return _merged(told) if told else None

    def known_on(self) -> frozenset[str] | None:
        """The providers that are on, for certain; None while that cannot be said.

        When no worker is left (scaled to none), those last announced count: jobs wait for them.
        """
        fresh = self._clock() < self._started + GOOD_FOR
        return None if fresh else self.likely_on()

    def likely_on(self) -> frozenset[str] | None:
        """The providers that are on as far as was heard; None before anything was."""
        living = self._living()
        return _offered(living) if living else self._last

    def is_on(self, provider: str) -> bool:
        on = self.known_on()
        return on is None or provider in on

    def _living(self) -> list[WorkerStatus]:
        since = self._clock() - GOOD_FOR
        return [said for heard, said in self._heard.values() if heard > since]


def _offered(statuses: Iterable[WorkerStatus]) -> frozenset[str]:
    return frozenset(name for status in statuses for name in status.providers)


def _merged(told: list[ProviderHealth]) -> Standing:
    """The whole of it: healthy or unhealthy if it is so everywhere, else limited.

    `until` is when the first of those that are not healthy tries again.
    """
    worst = max(told, key=lambda health: _WORSE[health.state])
    alike = len({health.state for health in told}) == 1
    limits = [health.limit for health in told if health.limit is not None]
    untils = [health.until for health in told if health.until is not None]
    return Standing(
        workers=len(told),
        state=worst.state if alike else Health.LIMITED,
        until=min(untils, default=None),
        limit=sum(limits) if len(limits) == len(told) else None,
        error=worst.error,
        models=_models(told),
    )


def _models(told: Iterable[ProviderHealth]) -> dict[str, ModelHealth]:
    """Every model that is not healthy, as the worker finds it that tries again first."""
    told_of = [entry for health in told for entry in health.models.items()]
    found: dict[str, ModelHealth] = {}
    for name, model in sorted(told_of, key=lambda entry: (entry[1].until is None, entry[1].until)):
        found.setdefault(name, model)
    return found
