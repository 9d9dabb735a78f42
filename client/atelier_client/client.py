"""The client that blocks. `aio.py` has the same names to be awaited; a test holds them together."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from atelier_client.blocking import Runner
from atelier_client.effects import Flow
from atelier_client.live import Message
from atelier_client.operations import Operations
from atelier_client.parameters import Entry, ImageFilters, JobFilters, Parameters
from atelier_client.planned import DryRun
from atelier_client.retry import Retry
from atelier_client.transport import DEFAULT_URL, options
from atelier_client.values import BatchData, ImageData, JobData, Provider, Update
from atelier_client.watching import Change


class Image(ImageData):
    """A stored picture and what can be done with it."""

    _client: "Client"

    def save(self, directory: str | Path = ".") -> Path:
        """Downloads it under the server's name into `directory` (made if missing).

        Whole or not at all, and nothing is overwritten: a taken name gets a number.
        """
        return self._client.save_image(self, directory)

    def delete(self) -> "Image":
        """Puts it into the trash, from which `restore` takes it."""
        return self._client.delete_image(self.id)

    def restore(self) -> "Image":
        """Takes it out of the trash."""
        return self._client.restore_image(self.id)


class Job(JobData):
    """A snapshot of a job; its methods return newer ones."""

    _client: "Client"
    images: tuple[Image, ...] = ()

    def refresh(self) -> "Job":
        """What it is now."""
        return self._client.get_job(self.id)

    def wait(self, timeout: float | None = None) -> "Job":
        """The job once it is done, however it ended; TimeoutError after `timeout` seconds."""
        return self._client.wait_for_job(self, timeout)

    def watch(self) -> "Iterator[Job]":
        """Snapshots as they come, also when only `fractions` changed; the last one is done."""
        return self._client.watch(self.id)

    def cancel(self) -> "Job":
        """Canceled at once; ApiError `job_terminal` if it ended otherwise before."""
        return self._client.cancel(self.id)

    def retry(self, *, idempotency_key: str | None = None) -> "Job":
        """A new job with the same request."""
        return self._client.retry(self.id, idempotency_key=idempotency_key)


class Batch(BatchData):
    """The jobs of one submission, counted; its methods return newer snapshots."""

    _client: "Client"

    def refresh(self) -> "Batch":
        """What it is now."""
        return self._client.get_batch(self.id)

    def jobs(self) -> Iterator[Job]:
        """Its jobs in the order of submission."""
        return self._client.jobs(batch=self.id, order="asc")

    def wait(self, timeout: float | None = None) -> "Batch":
        """The batch once all its jobs are done; TimeoutError after `timeout` seconds."""
        return self._client.wait_for_batch(self, timeout)

    def watch(self) -> Iterator[Job]:
        """Snapshots of its jobs as they come, until all are done."""
        return self._client.watch(self.id)

    def cancel(self) -> "Batch":
        """Cancels what is not done; ApiError `job_terminal` if nothing could be."""
        return self._client.cancel_batch(self.id)


class Client:
    """Talks to an Atelier server.

    Submissions carry an Idempotency-Key and are repeated with it after a 503, a timeout or a lost
    connection, so nothing is ordered twice. Raises ApiError for a refusal, Unreachable when no
    answer came, ValueError for an address or a key that cannot be one. `timeout` is in seconds, for
    connecting and for each wait for the server.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        api_key: str | None = None,
        timeout: float = 30.0,
        *,
        retry: Retry = Retry(),  # noqa: B008 - frozen
    ) -> None:
        self._http = httpx.Client(**options(base_url, api_key, timeout))
        self._runner = Runner(self._http)
        self._does = Operations(retry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the connections."""
        self._http.close()

    def generate(
        self,
        prompt: str,
        *,
        idempotency_key: str | None = None,
        **parameters: Unpack[Parameters],
    ) -> Job:
        """Submits one job."""
        return self._job(self._does.submit(prompt, parameters, idempotency_key))

    def batch(
        self,
        prompts: Iterable[Entry],
        *,
        idempotency_key: str | None = None,
        **shared: Unpack[Parameters],
    ) -> Batch:
        """Submits all or none of `prompts`: strings, or mappings that override `shared`."""
        return self._batch(self._does.batch(prompts, shared, idempotency_key))

    def dry_run(self, prompts: str | Sequence[Entry], **parameters: Unpack[Parameters]) -> DryRun:
        """What submitting would do and cost; the same refusals, but nothing is queued."""
        return DryRun.of(self._runner.run(self._does.dry_run(prompts, parameters)), self)

    def providers(self) -> tuple[Provider, ...]:
        """The providers, whether they are on and how they do."""
        found = self._runner.run(self._does.providers())
        return tuple(Provider.of(one, self) for one in found)

    def get_job(self, job_id: str) -> Job:
        """The job as it is now."""
        return self._job(self._does.get("jobs", job_id))

    def get_batch(self, batch_id: str) -> Batch:
        """The batch as it is now."""
        return self._batch(self._does.get("batches", batch_id))

    def get_image(self, image_id: str) -> Image:
        """The image with what the gallery knows of it."""
        return self._image(self._does.get("images", image_id))

    def jobs(self, *, limit: int | None = None, **filters: Unpack[JobFilters]) -> Iterator[Job]:
        """Jobs, newest first unless `order="asc"`; pages are fetched as they are needed."""
        flow = self._does.list("jobs", filters, limit)
        return self._runner.iterate(flow, partial(Job.of, client=self))

    def images(
        self, *, limit: int | None = None, **filters: Unpack[ImageFilters]
    ) -> Iterator[Image]:
        """Images, newest first unless `order="asc"`; pages are fetched as they are needed."""
        flow = self._does.list("images", filters, limit)
        return self._runner.iterate(flow, partial(Image.of, client=self))

    def cancel(self, job_id: str) -> Job:
        """The job, canceled; ApiError `job_terminal` if it ended otherwise before."""
        return self._job(self._does.act("jobs", job_id, "cancel"))

    def cancel_batch(self, batch_id: str) -> Batch:
        """The batch, what was not done canceled; `job_terminal` if nothing could be."""
        return self._batch(self._does.act("batches", batch_id, "cancel"))

    def retry(self, job_id: str, *, idempotency_key: str | None = None) -> Job:
        """A new job with the same request as a done one."""
        return self._job(self._does.again(job_id, idempotency_key))

    def delete_image(self, image_id: str) -> Image:
        """The image, in the trash."""
        return self._image(self._does.trash(image_id))

    def purge_image(self, image_id: str) -> None:
        """Deletes the image for good."""
        self._runner.run(self._does.purge(image_id))

    def restore_image(self, image_id: str) -> Image:
        """The image, out of the trash."""
        return self._image(self._does.act("images", image_id, "restore"))

    def save_image(self, image: ImageData, directory: str | Path = ".") -> Path:
        """Downloads the picture into `directory`, see `Image.save`."""
        return self._runner.run(self._does.save(image, Path(directory)))

    def wait_for_job(self, job: JobData, timeout: float | None = None) -> Job:
        """The job once it is done, see `Job.wait`."""
        return self._job(self._does.wait_for_job(job, timeout))

    def wait_for_batch(self, batch: BatchData, timeout: float | None = None) -> Batch:
        """The batch once it is done, see `Batch.wait`."""
        return self._batch(self._does.wait_for_batch(batch, timeout))

    def watch(self, *ids: str) -> Iterator[Job]:
        """Snapshots of these jobs (or of these batches' jobs) as they come, until all are done."""
        return self._runner.iterate(self._does.watch(ids), self._snapshot)

    def updates(self, *ids: str) -> Iterator[Update[Job]]:
        """Like `watch`, with the live messages themselves."""
        return self._runner.iterate(
            self._does.watch(ids), lambda change: Update(self._snapshot(change), change.message)
        )

    def follow(self, *topics: str, cursor: str | None = None) -> Iterator[Message]:
        """Every live message of these topics (`me`, `job:ID`, `batch:ID`; none: `me`), for ever.

        Cuts are bridged; `cursor` carries on where an earlier follower stopped. A view is kept by
        `state = reduce(state, [message])`. Raises ApiError when the topics or the key are refused,
        Unreachable when nobody answers at first.
        """
        return self._runner.iterate(self._does.follow(topics, cursor), lambda message: message)

    def _snapshot(self, change: Change) -> Job:
        return Job.of(change.job, self).model_copy(update={"fractions": dict(change.fractions)})

    def _job(self, flow: Flow[dict[str, Any]]) -> Job:
        return Job.of(self._runner.run(flow), self)

    def _batch(self, flow: Flow[dict[str, Any]]) -> Batch:
        return Batch.of(self._runner.run(flow), self)

    def _image(self, flow: Flow[dict[str, Any]]) -> Image:
        return Image.of(self._runner.run(flow), self)
