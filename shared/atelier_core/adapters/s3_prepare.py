"""Making a bucket ready, and finding out what its store can do."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from atelier_core.adapters.s3_errors import NoBucketError, translate
from atelier_core.adapters.s3_http import S3Http
from atelier_core.errors import (
    ConflictError,
    NotFoundError,
    PermanentError,
    RefusedError,
    SettingsError,
    TransientError,
)

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 5.0


async def prepare(http: S3Http, client: Minio, *, bucket: str, region: str) -> bool:
    """Wait for the store, make the bucket if there is none, say whether it compares and sets.

    Raises:
        SettingsError: the keys, the region or the bucket's name are wrong.
    """
    pause = 0.25
    while True:
        try:
            await _make_bucket(http, client, bucket=bucket, region=region)
            conditional = await _compares_and_sets(http)
            break
        except RefusedError as exc:
            raise SettingsError(f"Bucket {bucket}: {_said(exc)}.") from exc
        except TransientError as exc:
            log.warning("waiting for the object store, bucket %s: %s", bucket, _said(exc))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
    if not conditional:
        log.warning("this object store cannot compare and set: two workers may run one job")
    return conditional


async def _make_bucket(http: S3Http, client: Minio, *, bucket: str, region: str) -> None:
    try:
        await http.call("HEAD", "")
    except (NotFoundError, NoBucketError):
        try:
            with translated_sdk(bucket):
                await asyncio.to_thread(client.make_bucket, bucket, region)
        except ConflictError:
            return  # another process was faster
        except (PermanentError, ValueError) as exc:
            raise SettingsError(f"There can be no bucket {bucket!r}: {exc}.") from exc
    except PermanentError as exc:
        raise SettingsError(f"Bucket {bucket}: {_said(exc)}.") from exc


async def _compares_and_sets(http: S3Http) -> bool:
    key = f"probes/{uuid4().hex}"
    await http.call("PUT", key, data=b"1")
    try:
        for condition in ({"If-None-Match": "*"}, {"If-Match": f'"{"0" * 32}"'}):
            try:
                await http.call("PUT", key, data=b"2", headers=condition, repeatable=False)
            except ConflictError:
                continue
            except PermanentError:  # not implemented
                return False
            return False
        return True
    finally:
        await http.call("DELETE", key)


def _said(error: Exception) -> str:
    """The error without the key it begins with: the bucket has none, a probe's tells nothing."""
    _, colon, said = str(error).partition(": ")
    return said if colon else str(error)


@contextmanager
def translated_sdk(key: str) -> Iterator[None]:
    """The one place where the SDK's errors become ours."""
    try:
        yield
    except S3Error as exc:
        if exc.code in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
            raise ConflictError(f"{key} exists") from exc
        raise translate(exc.response.status, exc.code or "", key) from exc
    except (MinioException, urllib3.exceptions.HTTPError) as exc:
        raise TransientError(f"{key}: the object store does not answer") from exc
