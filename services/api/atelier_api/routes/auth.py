"""Signing in with the key, tickets for sockets, and the question our services ask."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from atelier_api.sessions import LOCAL, SESSION, Sessions
from atelier_core.contracts.internal import IDENTIFY, Identified, Shown
from atelier_core.contracts.problems import Code, UnauthenticatedError
from atelier_core.domain.values import Time, Value
from atelier_core.http.app import new_router
from atelier_core.http.auth import SESSION_COOKIE, Internal, Owner, credentials_of
from atelier_core.http.body import read_json, read_nothing
from atelier_core.http.describe import json_body, problems
from atelier_core.ports import Credentials

JSON = "application/json"


class SignIn(BaseModel):
    """The key that the installation was given as ATELIER_API_KEY."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    key: str = Field(min_length=1, max_length=512)


class SessionAnswer(Value):
    """Who is signed in. Where no key is `required`, everybody is."""

    object: Literal["session"] = "session"
    owner: str
    required: bool
    expires_at: Time | None


class TicketAnswer(Value):
    """Good for one socket, once, until `expires_at`."""

    object: Literal["ticket"] = "ticket"
    ticket: str
    expires_at: Time


def auth_routes(sessions: Sessions, *, secure: bool) -> APIRouter:
    """`secure`: whether people reach us by https, and cookies go there only."""
    router = new_router()

    @router.post(
        "/v1/auth/session",
        operation_id="signIn",
        tags=["authentication"],
        summary="Exchange the key for a cookie",
        responses={
            200: {"model": SessionAnswer},
            **problems(Code.MALFORMED_BODY, Code.UNSUPPORTED_MEDIA_TYPE, Code.INVALID_REQUEST),
        },
        openapi_extra=json_body(SignIn, {"key": {"key": "the key"}}),
    )
    async def sign_in(request: Request) -> Response:
        body = await read_json(request, SignIn)
        if sessions.required and not sessions.is_key(body.key):
            raise UnauthenticatedError
        token, expires = sessions.new_session()
        shown = SessionAnswer(owner=LOCAL, required=sessions.required, expires_at=expires)
        answer = Response(shown.model_dump_json(), media_type=JSON)
        answer.set_cookie(
            SESSION_COOKIE,
            token,
            max_age=int(SESSION.total_seconds()),
            httponly=True,
            secure=secure,
            samesite="lax",
        )
        return answer

    @router.get(
        "/v1/auth/session",
        operation_id="getSession",
        tags=["authentication"],
        summary="Who is signed in",
        responses={200: {"model": SessionAnswer}, **problems()},
    )
    async def get_session(request: Request, owner: Owner) -> Response:
        shown = credentials_of(request)
        by_cookie = sessions.required and shown.bearer is None and shown.session is not None
        expires = sessions.expiry(shown.session or "") if by_cookie else None
        answer = SessionAnswer(owner=owner, required=sessions.required, expires_at=expires)
        return Response(answer.model_dump_json(), media_type=JSON)

    @router.delete(
        "/v1/auth/session",
        operation_id="signOut",
        tags=["authentication"],
        summary="Take the cookie back",
        status_code=204,
        responses=problems(),
    )
    async def sign_out(request: Request) -> Response:
        await read_nothing(request)
        answer = Response(status_code=204)
        answer.delete_cookie(SESSION_COOKIE, httponly=True, secure=secure, samesite="lax")
        return answer

    @router.post(
        "/v1/events/tickets",
        operation_id="createEventsTicket",
        tags=["live"],
        summary="A ticket for a socket that cannot send headers or cookies",
        status_code=201,
        responses={201: {"model": TicketAnswer}, **problems()},
    )
    async def create_ticket(request: Request, owner: Owner) -> Response:
        await read_nothing(request)
        ticket, expires = await sessions.new_ticket(owner)
        answer = TicketAnswer(ticket=ticket, expires_at=expires)
        return Response(answer.model_dump_json(), 201, media_type=JSON)

    return router


def internal_routes(sessions: Sessions) -> APIRouter:
    router = new_router(include_in_schema=False, dependencies=[Internal])

    @router.post(IDENTIFY)
    async def identify(request: Request) -> Response:
        shown = await read_json(request, Shown)
        owner = await sessions.identify(
            Credentials(bearer=shown.bearer, session=shown.session, ticket=shown.ticket)
        )
        return Response(Identified(owner=owner).model_dump_json(), media_type=JSON)

    return router
