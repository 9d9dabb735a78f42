"""Submit a job; ask which ones have ended."""

import json
import random
import re
from datetime import UTC, datetime

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views import View

from pictures.models import Job
from pictures.tasks import draw

OWNER = "local"
SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
PAGE = 1000


def healthz(_: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


class Jobs(View):
    def dispatch(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        given = request.headers.get("Authorization", "")
        if not constant_time_compare(given, f"Bearer {settings.API_KEY}"):
            return JsonResponse({"code": "unauthenticated"}, status=401)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        key = request.headers.get("Idempotency-Key", "")
        try:
            body = json.loads(request.body)
            prompt, size = str(body["prompt"]), SIZE.fullmatch(body.get("size", "1024x1024"))
        except (ValueError, TypeError, KeyError):
            return JsonResponse({"code": "malformed_body"}, status=400)
        if not 1 <= len(prompt) <= 4000 or size is None or not 1 <= len(key) <= 255:
            return JsonResponse({"code": "invalid_request"}, status=422)
        try:
            job = Job.objects.create(
                owner=OWNER,
                idempotency_key=key,
                prompt=prompt,
                width=int(size[1]),
                height=int(size[2]),
                seed=random.getrandbits(32),
                with_thumbnail=bool(body.get("thumbnail")),
            )
        except IntegrityError:
            job = Job.objects.get(owner=OWNER, idempotency_key=key)
        else:
            draw.delay(str(job.pk))
        return JsonResponse(
            {
                "id": str(job.pk),
                "status": job.status,
                "prompt": job.prompt,
                "seed": job.seed,
                "created_at": job.created_at,
            },
            status=202,
        )

    def get(self, request: HttpRequest) -> HttpResponse:
        """The jobs that ended at or after `since` (seconds since 1970), the oldest first."""
        since = datetime.fromtimestamp(float(request.GET.get("since", 0)), UTC)
        ended = Job.objects.filter(owner=OWNER, finished_at__gte=since).order_by("finished_at")
        items = [
            {"id": str(pk), "status": status, "finished_at": at.timestamp()}
            for pk, status, at in ended.values_list("pk", "status", "finished_at")[:PAGE]
        ]
        return JsonResponse({"items": items})
