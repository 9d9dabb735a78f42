"""Which providers there are, and what each needs. A new vendor is a module and a line here."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from atelier_core.contracts.catalogue import catalogue
from atelier_core.errors import SettingsError
from atelier_worker.ports import ImageProvider
from atelier_worker.providers.a1111 import A1111Provider
from atelier_worker.providers.comfyui import ComfyUIProvider
from atelier_worker.providers.compatible import CompatibleProvider
from atelier_worker.providers.demo import DemoProvider
from atelier_worker.providers.fake import FakeProvider
from atelier_worker.providers.fake_http import FakeHttpProvider
from atelier_worker.providers.fal import FalProvider
from atelier_worker.providers.gemini import GeminiProvider
from atelier_worker.providers.huggingface import HuggingFaceProvider
from atelier_worker.providers.openai import OpenAIProvider
from atelier_worker.providers.replicate import ReplicateProvider
from atelier_worker.providers.stability import StabilityProvider

Variables = Mapping[str, str]
Open = Callable[[Variables], AbstractAsyncContextManager[ImageProvider]]


@dataclass(frozen=True)
class Vendor:
    """How to open one, the variable without which it cannot be, and whether it is on unasked."""

    open: Open
    needs: str | None = None
    unasked: bool = True


@asynccontextmanager
async def _fake(variables: Variables) -> AsyncIterator[ImageProvider]:
    if url := variables.get("ATELIER_FAKE_URL"):
        async with FakeHttpProvider.open(url) as provider:
            yield provider
    else:
        yield FakeProvider(size=int(variables.get("ATELIER_FAKE_BYTES", 64 * 1024)))


VENDORS: Final[Mapping[str, Vendor]] = {
    "demo": Vendor(lambda _: DemoProvider.open()),
    "fake": Vendor(_fake, unasked=False),
    "openai": Vendor(
        lambda v: OpenAIProvider.open(
            v["OPENAI_API_KEY"], url=v.get("OPENAI_BASE_URL"), book=catalogue()
        ),
        needs="OPENAI_API_KEY",
    ),
    "compatible": Vendor(
        lambda v: CompatibleProvider.open(
            v["COMPATIBLE_URL"],
            key=v.get("COMPATIBLE_API_KEY"),
            default=v.get("COMPATIBLE_MODEL"),
            book=catalogue(),
        ),
        needs="COMPATIBLE_URL",
    ),
    "gemini": Vendor(
        lambda v: GeminiProvider.open(v["GEMINI_API_KEY"], book=catalogue()),
        needs="GEMINI_API_KEY",
    ),
    "stability": Vendor(
        lambda v: StabilityProvider.open(v["STABILITY_API_KEY"], book=catalogue()),
        needs="STABILITY_API_KEY",
    ),
    "replicate": Vendor(
        lambda v: ReplicateProvider.open(v["REPLICATE_API_TOKEN"], book=catalogue()),
        needs="REPLICATE_API_TOKEN",
    ),
    "fal": Vendor(
        lambda v: FalProvider.open(v["FAL_KEY"], book=catalogue()),
        needs="FAL_KEY",
    ),
    "huggingface": Vendor(
        lambda v: HuggingFaceProvider.open(v["HF_TOKEN"], book=catalogue()),
        needs="HF_TOKEN",
    ),
    "a1111": Vendor(
        lambda v: A1111Provider.open(v["A1111_URL"], book=catalogue()),
        needs="A1111_URL",
    ),
    "comfyui": Vendor(
        lambda v: ComfyUIProvider.open(v["COMFYUI_URL"], book=catalogue()),
        needs="COMFYUI_URL",
    ),
}


def chosen(
    names: Sequence[str] | None, variables: Variables, *, by: str = "ATELIER_PROVIDERS"
) -> tuple[str, ...]:
    """The vendors to open: those that `by` names, else all that have what they need.

    Raises:
        SettingsError: a name is unknown, or one named lacks what it needs.
    """
    if names is None:
        return tuple(
            name
            for name, vendor in VENDORS.items()
            if vendor.unasked and (vendor.needs is None or vendor.needs in variables)
        )
    for name in names:
        if name not in VENDORS:
            known = ", ".join(name for name, vendor in VENDORS.items() if vendor.unasked)
            raise SettingsError(f"{by} names {name!r}; there are: {known}.")
        needs = VENDORS[name].needs
        if needs and needs not in variables:
            raise SettingsError(f"{by} names {name!r}, and {needs} is missing.")
    return tuple(dict.fromkeys(names))


@asynccontextmanager
async def open_providers(
    names: Sequence[str] | None, variables: Variables
) -> AsyncIterator[tuple[ImageProvider, ...]]:
    """Open the chosen vendors with their `variables` (names as documented, e.g. OPENAI_API_KEY).

    Raises:
        SettingsError: as `chosen`.
    """
    async with AsyncExitStack() as stack:
        yield tuple(
            [
                await stack.enter_async_context(VENDORS[name].open(variables))
                for name in chosen(names, variables)
            ]
        )
