"""One origin for two services in one process: what nginx does, by the same table."""

from starlette.types import ASGIApp, Receive, Scope, Send

from atelier_core.contracts.problems import not_found
from atelier_core.contracts.routes import Service, service_for
from atelier_core.http.edge import Edge
from atelier_core.http.origin import PublicAddress


class FrontDoor:
    """ASGI: each request and each socket goes to the service that claims it.

    `/internal/*` does not exist here. The applications have no lifespan of their own: their
    collaborators are open before they are made.
    """

    def __init__(self, *, api: ASGIApp, gallery: ASGIApp, address: PublicAddress) -> None:
        self._apps = {Service.API: api, Service.GALLERY: gallery}
        self._nothing = Edge(_nothing, address=address)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["path"].startswith("/internal/"):
            await self._nothing(scope, receive, send)
        else:
            service = service_for(scope.get("method", "GET"), scope["path"])
            await self._apps[service](scope, receive, send)


async def _nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise not_found()


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
