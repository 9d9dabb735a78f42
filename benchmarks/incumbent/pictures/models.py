"""A job and its picture: one row."""

import uuid

from django.db import models


class Job(models.Model):
    class Status(models.TextChoices):
        QUEUED = "queued"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.CharField(max_length=64)
    idempotency_key = models.CharField(max_length=255)
    prompt = models.TextField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    seed = models.BigIntegerField()
    with_thumbnail = models.BooleanField(default=False)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    error = models.TextField(blank=True)
    picture_key = models.CharField(max_length=255, blank=True)
    picture_sha256 = models.CharField(max_length=64, blank=True)
    picture_bytes = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="once_per_key"),
        )
        indexes = (models.Index(fields=["owner", "finished_at"], name="ended"),)

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"
