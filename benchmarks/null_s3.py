"""An object store that keeps nothing worth keeping: the same least cost for everybody measured.

    python benchmarks/null_s3.py [--port 9200]

It speaks as much S3 as Atelier and the MinIO SDK need: HEAD, GET, PUT with `If-None-Match: *` and
`If-Match`, DELETE, an empty listing. Bodies up to 16 KiB (run records, who is alive) are kept, so
that compare-and-set is real. Of pictures one of each size is kept and given out for all of that
size, so that thumbnails can be made of it. Signatures are not checked.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import count

import uvloop

KEPT = 16 * 1024  # bytes up to which a body is kept
LISTING = (
    b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>any</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
    b"</ListBucketResult>"
)


@dataclass(slots=True)
class Stored:
    etag: bytes
    size: int
    body: bytes
    headers: bytes
    modified: str


@dataclass
class Store:
    objects: dict[bytes, Stored] = field(default_factory=dict)
    pictures: dict[int, bytes] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)
    _second: int = 0
    _date: str = ""

    def date(self) -> str:
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        return self._date

    def put(self, key: bytes, headers: dict[bytes, bytes], size: int, body: bytes) -> bytes:
        there = self.objects.get(key)
        wanted = headers.get(b"if-match", b"").strip(b'"')
        if wanted and there is None:
            return self.error(404, b"NoSuchKey")
        if (wanted and there and there.etag != wanted) or (b"if-none-match" in headers and there):
            return self.error(412, b"PreconditionFailed")
        etag = b"%032x" % next(self.numbers)
        kept = b"".join(
            b"%s: %s\r\n" % (name, value)
            for name, value in headers.items()
            if name == b"content-type" or name.startswith(b"x-amz-meta-")
        )
        if size > KEPT:
            self.pictures.setdefault(size, body)
            body = b""
        self.objects[key] = Stored(etag, size, body, kept, self.date())
        return self.answer(200, b'ETag: "%s"\r\n' % etag)

    def read(self, key: bytes, *, head: bool) -> bytes:
        there = self.objects.get(key)
        if there is None:
            if key.count(b"/") < 2:  # a bucket: all there are
                return self.answer(200)
            return self.error(404, b"NoSuchKey", head=head)
        body = there.body or self.pictures.get(there.size, b"")
        about = b'%sETag: "%s"\r\nLast-Modified: %s\r\n' % (
            there.headers,
            there.etag,
            there.modified.encode(),
        )
        return self.answer(200, about, b"" if head else body, size=there.size)

    def error(self, status: int, code: bytes, *, head: bool = False) -> bytes:
        body = b"" if head else b"<Error><Code>%s</Code></Error>" % code
        return self.answer(status, b"Content-Type: application/xml\r\n", body)

    def answer(
        self, status: int, headers: bytes = b"", body: bytes = b"", *, size: int | None = None
    ) -> bytes:
        length = len(body) if size is None else size
        start = b"HTTP/1.1 %d -\r\nDate: %s\r\n" % (status, self.date().encode())
        ends = b"" if status == 204 else b"Content-Length: %d\r\n" % length
        return b"%s%s%s\r\n%s" % (start, headers, ends, body)


class Connection(asyncio.Protocol):
    """One request after the other. A body that is not kept is counted and dropped."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head = b""
        self._method = self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._size = self._missing = 0
        self._body: list[bytes] = []
        self._reading = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        while data or (self._reading and not self._missing):
            if not self._reading:
                head, found, rest = (self._head + data).partition(b"\r\n\r\n")
                if not found:
                    self._head = head
                    return
                self._head, data = b"", rest
                self._begin(head)
            taken, data = data[: self._missing], data[self._missing :]
            self._missing -= len(taken)
            if self._size <= KEPT or self._size not in self._store.pictures:
                self._body.append(taken)
            if not self._missing:
                self._transport.write(self._finish())

    def _begin(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        self._method, self._target, _ = first.split(b" ", 2)
        self._headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in lines)
        }
        self._size = self._missing = int(self._headers.get(b"content-length", b"0"))
        self._reading, self._body = True, []
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _finish(self) -> bytes:
        self._reading = False
        key, _, query = self._target.partition(b"?")
        match self._method:
            case b"PUT":
                return self._store.put(key, self._headers, self._size, b"".join(self._body))
            case b"HEAD" | b"GET" if not query:
                return self._store.read(key, head=self._method == b"HEAD")
            case b"GET":
                return self._store.answer(200, b"Content-Type: application/xml\r\n", LISTING)
            case b"DELETE":
                self._store.objects.pop(key, None)
                return self._store.answer(204)
            case _:
                return self._store.error(501, b"NotImplemented")


async def serve(port: int) -> None:
    store = Store()
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(store), "127.0.0.1", port, backlog=4096
    )
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    uvloop.run(serve(parser.parse_args().port))
