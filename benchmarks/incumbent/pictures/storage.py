"""The object store."""

from functools import cache
from io import BytesIO

from django.conf import settings
from minio import Minio


@cache  # in each process of the pool its own, with connections that stay open
def _client() -> Minio:
    return Minio(
        settings.S3_ENDPOINT,
        access_key=settings.S3_ACCESS_KEY,
        secret_key=settings.S3_SECRET_KEY,
        secure=False,
        region="us-east-1",  # otherwise the store is asked for it
    )


def put(key: str, data: bytes, *, content_type: str) -> None:
    _client().put_object(
        settings.S3_BUCKET, key, BytesIO(data), len(data), content_type=content_type
    )
