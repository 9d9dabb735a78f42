"""The small talk with a vendor: short JSON out, short JSON in. Pictures do not come this way."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import httpx
from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from atelier_core.domain.values import Money
from atelier_core.errors import AtelierError
from atelier_worker.ports import UNANSWERED, Fault, ProviderError
from atelier_worker.providers.http import transport_errors

MAX_TALK: Final = 8 * 2**20  # logs and graphs are in there
SECONDS: Final = 30.0  # between two bytes of an answer

_T = TypeVar("_T", bound=BaseModel)
Refused = Callable[[httpx.Response, bytes], AtelierError]


class Wire(BaseModel):
    """What vendors send: fields that nobody here knows are ignored."""

    model_config = ConfigDict(extra="ignore")


def otherwise(default: Any) -> WrapValidator:
    """For a field beside others that matter: `default` where it cannot be read."""

    def read(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return default

    return WrapValidator(read)


class UnreadableError(ProviderError):
    """A success that makes no sense, such as the page of somebody in between."""


class Talk:
    """`refused` makes the error of an answer that is not a success, from its body."""

    def __init__(self, client: httpx.AsyncClient, refused: Refused) -> None:
        self._client = client
        self._refused = refused

    async def ask(
        self, kind: type[_T], method: str, path: str, *, json: Any = None, seconds: float = SECONDS
    ) -> _T:
        """What `path` (on the vendor's address, or a whole one) answers.

        Raises:
            ProviderError: on the way, as refused, or because the answer cannot be read.
        """
        response, raw = await self.hear(method, path, json=json, seconds=seconds)
        try:
            return kind.model_validate_json(raw)
        except ValidationError as exc:
            detail, status = "The provider's answer cannot be read.", response.status_code
            raise UnreadableError(Fault.BAD_RESPONSE, detail, http_status=status) from exc

    async def hear(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        limit: int = MAX_TALK,
    ) -> tuple[httpx.Response, bytes]:
        """The answer of a success and its body, of at most `limit` bytes and whatever kind.

        Raises:
            ProviderError: on the way, or as refused.
        """
        with transport_errors():
            async with self._client.stream(
                method, path, json=json, params=params, timeout=seconds
            ) as response:
                raw = await read_up_to(response, limit)
        if not response.is_success:
            raise self._refused(response, raw)
        return response, raw

    async def learn(self, kind: type[_T], path: str) -> _T:
        """As `ask`, of what must be known before a call is made.

        Raises:
            ProviderError: as `ask`, but none that leaves open whether something was bought.
        """
        try:
            return await self.ask(kind, "GET", path)
        except ProviderError as exc:
            raise ProviderError(
                Fault.OVERLOADED if exc.fault in UNANSWERED else exc.fault,
                exc.detail,
                http_status=exc.http_status,
                retry_after=exc.retry_after,
                provider_request_id=exc.provider_request_id,
                cost=Money.exactly("0"),
            ) from exc


async def read_up_to(response: httpx.Response, limit: int) -> bytes:
    """The whole body.

    Raises:
        ProviderError: it is longer than `limit` bytes.
        httpx.HTTPError: the connection broke.
    """
    parts: list[bytes] = []
    received = 0
    async for part in response.aiter_bytes():
        received += len(part)
        if received > limit:
            raise ProviderError(Fault.BAD_RESPONSE, "The provider's answer is too large.")
        parts.append(part)
    return b"".join(parts)
