"""Answers in JSON, written once: values know how to write themselves."""

from collections.abc import Iterable

from starlette.responses import Response

from atelier_core.domain.job import Job
from atelier_gallery.media import unchanged

JSON = "application/json"


def json_answer(content: bytes | str, *, headers: dict[str, str] | None = None) -> Response:
    return Response(content, headers=headers, media_type=JSON)


def list_answer(items: Iterable[bytes], *, next_cursor: str | None) -> Response:
    cursor = f'"{next_cursor}"' if next_cursor else "null"  # base64: nothing to escape
    content = b'{"object":"list","items":[%b],"next_cursor":%b}'
    return json_answer(content % (b",".join(items), cursor.encode()))


def job_answer(job: Job, *, if_none_match: str | None = None) -> Response:
    """The job, its version as `ETag`; 304 if the reader has that one."""
    etag = f'"{job.version}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if unchanged(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return json_answer(job.public_json(), headers=headers)
