"""Who is calling: what a request shows, and the owner it speaks for."""

import hashlib
import hmac
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from atelier_core.contracts.internal import HEADER
from atelier_core.contracts.problems import Code, Problem
from atelier_core.ports import Credentials, Identity

SESSION_COOKIE = "atelier_session"


def credentials_of(connection: HTTPConnection) -> Credentials:
    """What the request shows. Tickets (`?ticket=`) count on sockets only."""
    scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
    socket = connection.scope["type"] == "websocket"
    return Credentials(
        bearer=bearer.strip() if scheme.lower() == "bearer" else None,
        session=connection.cookies.get(SESSION_COOKIE) if "cookie" in connection.headers else None,
        ticket=connection.query_params.get("ticket") if socket else None,
    )


async def owner_of(connection: HTTPConnection) -> str:
    """The owner the request speaks for; a dependency, or called with a socket.

    Raises:
        UnauthenticatedError: none, wrong or expired credentials.
        TransientError: it cannot be known now.
    """
    identity = cast(Identity, connection.app.state.identity)
    return await identity.identify(credentials_of(connection))


Owner = Annotated[str, Depends(owner_of)]
"""The parameter of a route that acts for somebody: `owner: Owner`."""


def internal_token(api_key: str | None) -> str:
    """What our services show each other: an HMAC, so that the key itself never travels."""
    return hmac.new((api_key or "").encode(), b"atelier internal 1", hashlib.sha256).hexdigest()


async def require_internal(request: Request) -> None:
    """A dependency of `/internal` routes.

    Raises:
        Problem: forbidden, without the right token.
    """
    shown = request.headers.get(HEADER, "")
    if not hmac.compare_digest(shown.encode(), request.app.state.internal_token.encode()):
        raise Problem(Code.FORBIDDEN, "This is for Atelier's own services.")


Internal = Depends(require_internal)
"""`router.get(path, dependencies=[Internal])`."""
