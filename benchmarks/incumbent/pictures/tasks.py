"""What the workers do."""

import hashlib
from io import BytesIO

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from PIL import Image

from atelier_worker.providers.pictures import picture  # the bytes that everybody measured stores
from pictures import storage
from pictures.models import Job


@shared_task
def draw(job_id: str) -> None:
    """Have the picture made, check it, store it, and mark the row."""
    job = Job.objects.get(pk=job_id)
    if job.status != Job.Status.QUEUED:
        return
    data = picture(width=job.width, height=job.height, seed=job.seed, size=settings.PICTURE_BYTES)
    with Image.open(BytesIO(data)) as image:
        image.verify()
    key = f"jobs/{job_id}/picture.png"
    storage.put(key, data, content_type="image/png")
    if job.with_thumbnail:
        storage.put(f"jobs/{job_id}/320.webp", thumbnail(data), content_type="image/webp")
    job.status = Job.Status.SUCCEEDED
    job.picture_key = key
    job.picture_sha256 = hashlib.sha256(data).hexdigest()
    job.picture_bytes = len(data)
    job.finished_at = timezone.now()
    job.save(
        update_fields=["status", "picture_key", "picture_sha256", "picture_bytes", "finished_at"]
    )


def thumbnail(data: bytes) -> bytes:
    """A WebP that fits 320 by 320 pixels, at the quality and method of Atelier's."""
    out = BytesIO()
    with Image.open(BytesIO(data)) as image:
        small = image.convert("RGB")  # first: pictures with a palette are resized badly
        small.thumbnail((320, 320))
        small.save(out, "WEBP", quality=80, method=0)
    return out.getvalue()
