"""Every operation of the client as a flow; a client only runs them and dresses the results."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from atelier_client import download, flows, requests, stream, watching
from atelier_client.effects import Call, Flow
from atelier_client.flows import Clock
from atelier_client.parameters import Entry
from atelier_client.requests import filters, segment
from atelier_client.retry import ON_THE_WAY, Retry
from atelier_client.values import BatchData, ImageData, JobData

Raw = dict[str, Any]


@dataclass(frozen=True)
class Operations:
    """Pure but for fresh idempotency keys and the monotonic `clock`."""

    retry: Retry
    patient: Retry = ON_THE_WAY
    clock: Clock = time.monotonic

    def submit(self, prompt: str, parameters: Mapping[str, Any], key: str | None) -> Flow[Raw]:
        return flows.ask(requests.submit(prompt, parameters, key=key or _fresh()), self.retry)

    def batch(
        self, prompts: Iterable[Entry], shared: Mapping[str, Any], key: str | None
    ) -> Flow[Raw]:
        call = requests.submit_batch(prompts, shared, key=key or _fresh())
        return flows.ask(call, self.retry)

    def dry_run(self, prompts: str | Sequence[Entry], parameters: Mapping[str, Any]) -> Flow[Raw]:
        return flows.ask(requests.dry_run(prompts, parameters), self.retry)

    def providers(self) -> Flow[list[Raw]]:
        return flows.catalogue("providers", self.retry)

    def again(self, job_id: str, key: str | None) -> Flow[Raw]:
        return flows.ask(requests.retry(job_id, key=key or _fresh()), self.retry)

    def get(self, kind: str, identifier: str) -> Flow[Raw]:
        return flows.ask(Call("GET", f"/v1/{kind}/{segment(identifier)}"), self.retry)

    def act(self, kind: str, identifier: str, verb: str) -> Flow[Raw]:
        return flows.ask(Call("POST", f"/v1/{kind}/{segment(identifier)}/{verb}"), self.retry)

    def list(self, kind: str, chosen: Mapping[str, Any], limit: int | None) -> Flow[None]:
        return flows.pages(f"/v1/{kind}", filters(**chosen), self.retry, limit)

    def trash(self, image_id: str) -> Flow[Raw]:
        return flows.ask(Call("DELETE", f"/v1/images/{segment(image_id)}"), self.retry)

    def purge(self, image_id: str) -> Flow[None]:
        query = filters(permanent=True)
        return flows.order(Call("DELETE", f"/v1/images/{segment(image_id)}", query), self.retry)

    def save(self, image: ImageData, directory: Path) -> Flow[Path]:
        kind = image.content_type.partition("/")[2].partition("+")[0]
        extension = {"jpeg": "jpg", "png": "png", "webp": "webp"}.get(kind, "bin")
        return download.save(
            requests.content(image.id, image.content_url),
            directory,
            fallback=download.safe_name(f"image-{image.id[-8:]}.{extension}"),
            sha256=image.sha256,
            retry=self.patient,
        )

    def wait_for_job(self, job: JobData, timeout: float | None) -> Flow[Raw]:
        return flows.wait_for_job(job.raw, timeout=timeout, retry=self.patient, clock=self.clock)

    def wait_for_batch(self, batch: BatchData, timeout: float | None) -> Flow[Raw]:
        return flows.wait_for_batch(
            batch.raw, timeout=timeout, retry=self.patient, clock=self.clock
        )

    def watch(self, identifiers: Iterable[str]) -> Flow[None]:
        return watching.watch(identifiers, self.patient)

    def follow(self, topics: Iterable[str], cursor: str | None) -> Flow[None]:
        return stream.follow(topics or ("me",), cursor, self.patient)


def _fresh() -> str:
    return str(uuid4())
