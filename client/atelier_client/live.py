"""The live state: a pure reducer, the twin of the page's; both are run over the same vectors."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Resource = Mapping[str, Any]
Message = Mapping[str, Any]


@dataclass(frozen=True)
class LiveState:
    """What a client knows from the messages so far; `docs/api.md` (Live) gives the rules.

    `deleted` holds the version at which an image was deleted, `progress` the fraction of each
    running call by job and image index, `cursor` what resumes from here.
    """

    jobs: Mapping[str, Resource] = field(default_factory=dict)
    images: Mapping[str, Resource] = field(default_factory=dict)
    deleted: Mapping[str, int] = field(default_factory=dict)
    progress: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    complete: bool = False
    cursor: str | None = None


def reduce(state: LiveState, messages: Iterable[Message]) -> LiveState:
    """`state` after `messages`; both stay as they are. Never raises, whatever the messages say."""
    for message in messages:
        data = message.get("data")
        change = _CHANGES.get(str(message.get("event")))
        if change and isinstance(data, Mapping):
            state = change(state, data)
        if isinstance(cursor := message.get("id"), str):
            state = replace(state, cursor=cursor)
    return state


def _started(state: LiveState, data: Resource) -> LiveState:
    return LiveState() if data.get("reset") else replace(state, complete=False)


def _complete(state: LiveState, _data: Resource) -> LiveState:
    return replace(state, complete=True)


def _job_updated(state: LiveState, data: Resource) -> LiveState:
    key, version = _identity(data)
    if version <= _version(state.jobs.get(key)):
        return state
    kept: dict[int, float] = {}
    if data.get("status") == "running":
        drawn = _drawn(data)
        kept = {i: f for i, f in state.progress.get(key, {}).items() if i not in drawn}
    progress = {k: v for k, v in state.progress.items() if k != key}
    if kept:
        progress[key] = kept
    return replace(state, jobs={**state.jobs, key: data}, progress=progress)


def _job_progress(state: LiveState, data: Resource) -> LiveState:
    key: Any = data.get("job_id")
    index: Any = data.get("index")
    fraction: Any = data.get("fraction")
    usable = isinstance(key, str) and isinstance(index, int) and isinstance(fraction, int | float)
    if not usable:
        return state
    job = state.jobs.get(key, {})
    if job.get("done") or index in _drawn(job):
        return state
    running = {**state.progress.get(key, {}), index: float(fraction)}
    return replace(state, progress={**state.progress, key: running})


def _image_updated(state: LiveState, data: Resource) -> LiveState:
    key, version = _identity(data)
    if version <= max(_version(state.images.get(key)), state.deleted.get(key, 0)):
        return state
    deleted = {k: v for k, v in state.deleted.items() if k != key}
    return replace(state, images={**state.images, key: data}, deleted=deleted)


def _image_deleted(state: LiveState, data: Resource) -> LiveState:
    key, version = _identity(data)
    if version <= max(_version(state.images.get(key)), state.deleted.get(key, 0)):
        return state
    images = {k: v for k, v in state.images.items() if k != key}
    return replace(state, images=images, deleted={**state.deleted, key: version})


_CHANGES = {
    "snapshot.started": _started,
    "snapshot.complete": _complete,
    "job.updated": _job_updated,
    "job.progress": _job_progress,
    "image.updated": _image_updated,
    "image.deleted": _image_deleted,
}


def _drawn(job: Resource) -> list[Any]:
    images = job.get("images")
    if not isinstance(images, list | tuple):
        return []
    return [image.get("index") for image in images if isinstance(image, Mapping)]


def _version(resource: Resource | None) -> int:
    return int(resource["version"]) if resource else 0


def _identity(data: Resource) -> tuple[str, int]:
    """Id and version; a version that is older than any if they cannot be used."""
    key, version = data.get("id"), data.get("version")
    if isinstance(key, str) and isinstance(version, int):
        return key, version
    return "", -1
