# Made by `makemigrations`.

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []  # noqa: RUF012 - as Django writes it

    operations = [  # noqa: RUF012
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("owner", models.CharField(max_length=64)),
                ("idempotency_key", models.CharField(max_length=255)),
                ("prompt", models.TextField()),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("seed", models.BigIntegerField()),
                ("with_thumbnail", models.BooleanField(default=False)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("error", models.TextField(blank=True)),
                ("picture_key", models.CharField(blank=True, max_length=255)),
                ("picture_sha256", models.CharField(blank=True, max_length=64)),
                ("picture_bytes", models.PositiveIntegerField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["owner", "finished_at"], name="ended")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "idempotency_key"), name="once_per_key"
                    )
                ],
            },
        ),
    ]
