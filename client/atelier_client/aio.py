"""The client to be awaited: the names of `client.py`; a test holds them together."""

# ruff: noqa: ASYNC109 - `timeout` is the name the contract gives

from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from atelier_client.asynchronous import Runner
from atelier_client.effects import Flow
from atelier_client.live import Message
from atelier_client.operations import Operations
from atelier_client.parameters import Entry, ImageFilters, JobFilters, Parameters
from atelier_client.planned import DryRun
from atelier_client.retry import Retry
from atelier_client.transport import DEFAULT_URL, options
from atelier_client.values import BatchData, ImageData, JobData, Provider, Update
from atelier_client.watching import Change


class AsyncImage(ImageData):
    """A stored picture and what can be done with it."""

    _client: "AsyncClient"

    async def save(self, directory: str | Path = ".") -> Path:
        """Downloads it under the server's name into `directory` (made if missing).

        Whole or not at all, and nothing is overwritten: a taken name gets a number.
        """
        return await self._client.save_image(self, directory)

    async def delete(self) -> "AsyncImage":
        """Puts it into the trash, from which `restore` takes it."""
        return await self._client.delete_image(self.id)

    async def restore(self) -> "AsyncImage":
        """Takes it out of the trash."""
        return await self._client.restore_image(self.id)


class AsyncJob(JobData):
    """A snapshot of a job; its methods return newer ones."""

    _client: "AsyncClient"
    images: tuple[AsyncImage, ...] = ()

    async def refresh(self) -> "AsyncJob":
        """What it is now."""
        return await self._client.get_job(self.id)

    async def wait(self, timeout: float | None = None) -> "AsyncJob":
        """The job once it is done, however it ended; TimeoutError after `timeout` seconds."""
        return await self._client.wait_for_job(self, timeout)

    def watch(self) -> "AsyncIterator[AsyncJob]":
        """Snapshots as they come, also when only `fractions` changed; the last one is done."""
        return self._client.watch(self.id)

    async def cancel(self) -> "AsyncJob":
        """Canceled at once; ApiError `job_terminal` if it ended otherwise before."""
        return await self._client.cancel(self.id)

    async def retry(self, *, idempotency_key: str | None = None) -> "AsyncJob":
        """A new job with the same request."""
        return await self._client.retry(self.id, idempotency_key=idempotency_key)


class AsyncBatch(BatchData):
    """The jobs of one submission, counted; its methods return newer snapshots."""

    _client: "AsyncClient"

    async def refresh(self) -> "AsyncBatch":
        """What it is now."""
        return await self._client.get_batch(self.id)

    def jobs(self) -> AsyncIterator[AsyncJob]:
        """Its jobs in the order of submission."""
        return self._client.jobs(batch=self.id, order="asc")

    async def wait(self, timeout: float | None = None) -> "AsyncBatch":
        """The batch once all its jobs are done; TimeoutError after `timeout` seconds."""
        return await self._client.wait_for_batch(self, timeout)

    def watch(self) -> AsyncIterator[AsyncJob]:
        """Snapshots of its jobs as they come, until all are done."""
        return self._client.watch(self.id)

    async def cancel(self) -> "AsyncBatch":
        """Cancels what is not done; ApiError `job_terminal` if nothing could be."""
        return await self._client.cancel_batch(self.id)


class AsyncClient:
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
        self._http = httpx.AsyncClient(**options(base_url, api_key, timeout))
        self._runner = Runner(self._http)
        self._does = Operations(retry)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Gives back the connections."""
        await self._http.aclose()

    async def generate(
        self,
        prompt: str,
        *,
        idempotency_key: str | None = None,
        **parameters: Unpack[Parameters],
    ) -> AsyncJob:
        """Submits one job."""
        return await self._job(self._does.submit(prompt, parameters, idempotency_key))

    async def batch(
        self,
        prompts: Iterable[Entry],
        *,
        idempotency_key: str | None = None,
        **shared: Unpack[Parameters],
    ) -> AsyncBatch:
        """Submits all or none of `prompts`: strings, or mappings that override `shared`."""
        return await self._batch(self._does.batch(prompts, shared, idempotency_key))

    async def dry_run(
        self, prompts: str | Sequence[Entry], **parameters: Unpack[Parameters]
    ) -> DryRun:
        """What submitting would do and cost; the same refusals, but nothing is queued."""
        return DryRun.of(await self._runner.run(self._does.dry_run(prompts, parameters)), self)

    async def providers(self) -> tuple[Provider, ...]:
        """The providers, whether they are on and how they do."""
        found = await self._runner.run(self._does.providers())
        return tuple(Provider.of(one, self) for one in found)

    async def get_job(self, job_id: str) -> AsyncJob:
        """The job as it is now."""
        return await self._job(self._does.get("jobs", job_id))

    async def get_batch(self, batch_id: str) -> AsyncBatch:
        """The batch as it is now."""
        return await self._batch(self._does.get("batches", batch_id))

    async def get_image(self, image_id: str) -> AsyncImage:
        """The image with what the gallery knows of it."""
        return await self._image(self._does.get("images", image_id))

    def jobs(
        self, *, limit: int | None = None, **filters: Unpack[JobFilters]
    ) -> AsyncIterator[AsyncJob]:
        """Jobs, newest first unless `order="asc"`; pages are fetched as they are needed."""
        flow = self._does.list("jobs", filters, limit)
        return self._runner.iterate(flow, partial(AsyncJob.of, client=self))

    def images(
        self, *, limit: int | None = None, **filters: Unpack[ImageFilters]
    ) -> AsyncIterator[AsyncImage]:
        """Images, newest first unless `order="asc"`; pages are fetched as they are needed."""
        flow = self._does.list("images", filters, limit)
        return self._runner.iterate(flow, partial(AsyncImage.of, client=self))

    async def cancel(self, job_id: str) -> AsyncJob:
        """The job, canceled; ApiError `job_terminal` if it ended otherwise before."""
        return await self._job(self._does.act("jobs", job_id, "cancel"))

    async def cancel_batch(self, batch_id: str) -> AsyncBatch:
        """The batch, what was not done canceled; `job_terminal` if nothing could be."""
        return await self._batch(self._does.act("batches", batch_id, "cancel"))

    async def retry(self, job_id: str, *, idempotency_key: str | None = None) -> AsyncJob:
        """A new job with the same request as a done one."""
        return await self._job(self._does.again(job_id, idempotency_key))

    async def delete_image(self, image_id: str) -> AsyncImage:
        """The image, in the trash."""
        return await self._image(self._does.trash(image_id))

    async def purge_image(self, image_id: str) -> None:
        """Deletes the image for good."""
        await self._runner.run(self._does.purge(image_id))

    async def restore_image(self, image_id: str) -> AsyncImage:
        """The image, out of the trash."""
        return await self._image(self._does.act("images", image_id, "restore"))

    async def save_image(self, image: ImageData, directory: str | Path = ".") -> Path:
        """Downloads the picture into `directory`, see `Image.save`."""
        return await self._runner.run(self._does.save(image, Path(directory)))

    async def wait_for_job(self, job: JobData, timeout: float | None = None) -> AsyncJob:
        """The job once it is done, see `Job.wait`."""
        return await self._job(self._does.wait_for_job(job, timeout))

    async def wait_for_batch(self, batch: BatchData, timeout: float | None = None) -> AsyncBatch:
        """The batch once it is done, see `Batch.wait`."""
        return await self._batch(self._does.wait_for_batch(batch, timeout))

    def watch(self, *ids: str) -> AsyncIterator[AsyncJob]:
        """Snapshots of these jobs (or of these batches' jobs) as they come, until all are done."""
        return self._runner.iterate(self._does.watch(ids), self._snapshot)

    def updates(self, *ids: str) -> AsyncIterator[Update[AsyncJob]]:
        """Like `watch`, with the live messages themselves."""
        return self._runner.iterate(
            self._does.watch(ids), lambda change: Update(self._snapshot(change), change.message)
        )

    def follow(self, *topics: str, cursor: str | None = None) -> AsyncIterator[Message]:
        """Every live message of these topics (`me`, `job:ID`, `batch:ID`; none: `me`), for ever.

        Cuts are bridged; `cursor` carries on where an earlier follower stopped. A view is kept by
        `state = reduce(state, [message])`. Raises ApiError when the topics or the key are refused,
        Unreachable when nobody answers at first.
        """
        return self._runner.iterate(self._does.follow(topics, cursor), lambda message: message)

    def _snapshot(self, change: Change) -> AsyncJob:
        return AsyncJob.of(change.job, self).model_copy(
            update={"fractions": dict(change.fractions)}
        )

    async def _job(self, flow: Flow[dict[str, Any]]) -> AsyncJob:
        return AsyncJob.of(await self._runner.run(flow), self)

    async def _batch(self, flow: Flow[dict[str, Any]]) -> AsyncBatch:
        return AsyncBatch.of(await self._runner.run(flow), self)

    async def _image(self, flow: Flow[dict[str, Any]]) -> AsyncImage:
        return AsyncImage.of(await self._runner.run(flow), self)
