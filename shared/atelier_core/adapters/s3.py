"""Blobs in a bucket of MinIO or another S3 store.

Only put (conditional), get, head, delete, list and presign are used, so that any S3 store will do.
Data travel through `S3Http`; the SDK's client makes the bucket and lists.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Self
from urllib.parse import SplitResult

import urllib3
from minio import Minio
from minio.credentials.credentials import Credentials
from minio.credentials.providers import StaticProvider
from minio.datatypes import Object

from atelier_core.adapters.blob_keys import check_key, check_meta, check_prefix
from atelier_core.adapters.s3_address import origin_of, parse_date, presigned
from atelier_core.adapters.s3_errors import OutOfRangeError
from atelier_core.adapters.s3_http import S3Http
from atelier_core.adapters.s3_prepare import prepare, translated_sdk
from atelier_core.errors import ConflictError, NotFoundError, SettingsError
from atelier_core.ports import Blob, BlobInfo

_PAGE = 1000
_META = "x-amz-meta-"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


class S3BlobStore:
    """A `BlobStore` in one bucket."""

    def __init__(
        self,
        *,
        http: S3Http,
        client: Minio,
        bucket: str,
        credentials: Credentials,
        region: str,
        public: SplitResult | None,
    ) -> None:
        self._http = http
        self._client = client
        self._bucket = bucket
        self._credentials = credentials
        self._region = region
        self._public = public
        self.conditional = True
        """Whether the store compares and sets; without it, races between workers can both win."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        region: str = "us-east-1",
        public_endpoint: str | None = None,
        within: float = 10.0,
        connections: int = 100,
    ) -> AsyncIterator[Self]:
        """The store, once it answers; the bucket is made if there is none.

        A store that is away is waited for. `within` bounds each answer in seconds (transfers get
        more), `connections` those kept open. `public_endpoint` is the address browsers know.

        Raises:
            SettingsError: an address, the bucket's name, the keys or the region are wrong.
        """
        try:
            credentials = Credentials(access_key, secret_key)
        except ValueError as exc:
            raise SettingsError("The object store needs an access key and a secret key.") from exc
        if not _BUCKET.fullmatch(bucket):
            raise SettingsError(f"There can be no bucket {bucket!r}: use 3 to 63 of a-z, 0-9, -.")
        origin = origin_of(endpoint)
        opened = S3Http.open(
            origin=origin,
            bucket=bucket,
            credentials=credentials,
            region=region,
            within=within,
            connections=connections,
        )
        async with opened as http:
            pool = urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=within / 3, read=within),
                retries=urllib3.Retry(1, redirect=False),
                maxsize=4,
            )
            client = Minio(
                origin.netloc,
                secure=origin.scheme == "https",
                credentials=StaticProvider(access_key, secret_key),
                region=region,
                http_client=pool,
            )
            store = cls(
                http=http,
                client=client,
                bucket=bucket,
                credentials=credentials,
                region=region,
                public=origin_of(public_endpoint) if public_endpoint else None,
            )
            try:
                store.conditional = await prepare(http, client, bucket=bucket, region=region)
                yield store
            finally:
                pool.clear()

    async def put(
        self,
        key: str,
        data: bytes,
        *,
        content_type: str,
        meta: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> str:
        headers = {"Content-Type": content_type}
        for name, value in check_meta(dict(meta or {})).items():
            headers[_META + name] = value
        conditional = if_absent or if_match is not None
        if conditional and not self.conditional:
            await self._check(check_key(key), if_match)
        elif if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        elif if_absent:
            headers["If-None-Match"] = "*"
        try:
            answer, _ = await self._http.call(
                "PUT", check_key(key), data=data, headers=headers, repeatable=not conditional
            )
        except NotFoundError as exc:  # how S3 answers If-Match where nothing is
            raise ConflictError(f"{key} is not there") from exc
        return answer["ETag"].strip('"')

    async def _check(self, key: str, etag: str | None) -> None:
        """What can be had from a store without conditional writes: looking first."""
        try:
            there: str | None = (await self.head(key)).etag
        except NotFoundError:
            there = None
        if there != etag:
            raise ConflictError(f"{key} is not as expected")

    async def get(self, key: str) -> Blob:
        headers, body = await self._http.call("GET", check_key(key))
        return Blob(info=_info(key, headers, size=len(body)), data=body)

    @asynccontextmanager
    async def stream(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AsyncIterator[tuple[BlobInfo, AsyncIterator[bytes]]]:
        headers = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        async with AsyncExitStack() as stack:
            nothing = end is not None and end <= start  # S3 has no way to ask for that
            if not nothing:
                try:
                    answer, pieces = await stack.enter_async_context(
                        self._http.stream(check_key(key), headers)
                    )
                except OutOfRangeError:
                    nothing = True
            if nothing:
                yield await self.head(key), _nothing()
            else:
                size = answer.get("Content-Range", "").rpartition("/")[2]
                yield _info(key, answer, size=int(size or answer["Content-Length"])), pieces

    async def head(self, key: str) -> BlobInfo:
        headers, _ = await self._http.call("HEAD", check_key(key))
        return _info(key, headers, size=int(headers["Content-Length"]))

    async def delete(self, key: str) -> None:
        with suppress(NotFoundError):
            await self._http.call("DELETE", check_key(key))

    async def list(self, prefix: str) -> AsyncIterator[BlobInfo]:
        found = self._client.list_objects(self._bucket, check_prefix(prefix), recursive=True)

        def page() -> list[Object]:
            with translated_sdk(prefix):
                return list(islice(found, _PAGE))

        while objects := await asyncio.to_thread(page):
            now = datetime.now(UTC).timestamp() + self._http.skew
            for item in objects:
                modified = item.last_modified.timestamp() if item.last_modified else now
                yield BlobInfo(
                    key=item.object_name or "",
                    size=item.size or 0,
                    etag=(item.etag or "").strip('"'),
                    content_type="",
                    age=max(0.0, now - modified),
                )

    async def presign(self, key: str, *, seconds: int, filename: str | None = None) -> str | None:
        if self._public is None:
            return None
        return presigned(
            self._public._replace(path=f"/{self._bucket}/{check_key(key)}"),
            region=self._region,
            credentials=self._credentials,
            seconds=seconds,
            filename=filename,
        )


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""  # makes it a generator


def _info(key: str, headers: Mapping[str, str], *, size: int) -> BlobInfo:
    age = parse_date(headers.get("Date", "")) - parse_date(headers.get("Last-Modified", ""))
    return BlobInfo(
        key=key,
        size=size,
        etag=headers.get("ETag", "").strip('"'),
        content_type=headers.get("Content-Type", ""),
        age=max(0.0, age.total_seconds()),
        meta={
            name[len(_META) :].lower(): value
            for name, value in headers.items()
            if name.lower().startswith(_META)
        },
    )
