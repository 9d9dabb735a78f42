"""What is answered while the gallery waits for its servers."""

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from atelier_core.contracts.problems import Code, Problem
from atelier_core.http.edge import Edge
from atelier_core.http.origin import PublicAddress


class Opening:
    """ASGI: healthy but not ready, until `app` is set."""

    def __init__(self, address: PublicAddress) -> None:
        self.app: ASGIApp | None = None
        self._waiting = Edge(_waiting, address=address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self.app or self._waiting)(scope, receive, send)


async def _waiting(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] != "/healthz":
        raise Problem(Code.SERVICE_UNAVAILABLE, "The gallery is waiting for its servers.")
    await JSONResponse({"status": "ok"})(scope, receive, send)
