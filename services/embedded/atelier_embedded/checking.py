"""Composition root of `atelier providers check`: the providers as a worker here would open them.

It needs no broker and no store, so it runs beside `atelier up` and in a worker's container alike.
"""

import asyncio
from collections.abc import Sequence

from atelier_core.errors import SettingsError
from atelier_embedded.settings import surroundings
from atelier_worker.checking import Finding, check_all
from atelier_worker.providers.registry import chosen, open_providers
from atelier_worker.settings import ProviderSettings


def check(names: Sequence[str] = ()) -> tuple[Finding, ...]:
    """What asking the providers `names` brings, or all that are set up here; in their order.

    Raises:
        ValueError: one sentence: a setting is wrong, a name is unknown or not set up.
    """
    try:
        settings = ProviderSettings.load(surroundings())
        variables = settings.vendor_variables
        if names:
            found = chosen(names, variables, by="This command")
        else:
            found = chosen(settings.providers, variables)
        return asyncio.run(_check(found, variables))
    except SettingsError as exc:
        raise ValueError(str(exc)) from exc


async def _check(names: Sequence[str], variables: dict[str, str]) -> tuple[Finding, ...]:
    async with open_providers(names, variables) as providers:
        return await check_all(providers)
