"""The promises of `ImageStore`, of every store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import gallery_stores
from atelier_core.domain.image import Image
from atelier_core.domain.values import new_id
from atelier_gallery.lists import NO_WORD
from atelier_gallery.ports import Change, ImageFilter, ImageStore, Page, Place
from atelier_gallery.words import words_of
from gallery_stories import accepted, at, picture

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]

MANY = Page(limit=100)


@pytest.fixture(params=["memory", "sqlite", pytest.param("mongo", marks=pytest.mark.external)])
async def images(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ImageStore]:
    opened = {
        "memory": gallery_stores.memory,
        "sqlite": lambda: gallery_stores.sqlite(tmp_path),
        "mongo": lambda: gallery_stores.mongo(request.getfixturevalue("mongo_url")),
    }[request.param]()
    async with opened as (_, images):
        yield images


def new(prompt: str = "a red fox", **changes: Any) -> Image:
    produced = picture(accepted(prompt, created_at=at(0)))
    made = {
        **dict(produced),
        "owner": "local",
        "batch_id": None,
        "prompt": prompt,
        "model": "fake/paid",
        "provider": "fake",
    }
    return Image(**{**made, **changes})


async def save(store: ImageStore, *images: Image) -> None:
    assert await store.save_many([Change(image, read=0) for image in images]) == frozenset()


async def found(store: ImageStore, **where: Any) -> list[str]:
    chosen = await store.select(owner="local", where=ImageFilter(**where), page=MANY)
    return sorted(image.prompt for image in chosen)


async def test_an_image_comes_back_exactly_and_only_to_its_owner(images: ImageStore) -> None:
    image = new("🦊 <b> \n日本", tags=("a",), blurhash="LEHV6nWB", favorite=True, trashed_at=at(1))
    await save(images, image)
    assert await images.get(image.id, owner="local") == image
    assert await images.get(image.id, owner="other") is None
    assert await images.find_many([image.id], owners=["other"]) == []
    assert await images.select(owner="other", where=ImageFilter(trashed=()), page=MANY) == []
    assert await images.changed_since(0, owners=["other"], limit=9) == []


async def test_insert_if_absent_keeps_what_is_there(images: ImageStore) -> None:
    image, another = new(), new("another")
    await save(images, image)
    changed = image.changed(favorite=True)
    assert await images.save_many([Change(changed, read=1)]) == frozenset()
    lost = await images.save_many([Change(image, read=0), Change(another, read=0)])
    assert lost == {image.id}
    assert await images.get(image.id, owner="local") == changed
    assert await images.get(another.id, owner="local") == another
    assert await images.save_many([Change(image.changed(favorite=False), read=1)]) == {image.id}


async def test_search_finds_whole_words_whatever_their_case(images: ImageStore) -> None:
    await save(
        images,
        new("A Red Fox"),
        new("a red house"),
        new("foxes in the snow"),
        new("Crème brûlée, STRASSE"),
        new("東京の夜"),
        new("🦊 snake_case"),
        new("the AND OR NOT words"),
        new("ᦅᦱᧃ"),
        new("ダ・ヴィンチ"),
    )
    assert await found(images, words=("red",)) == ["A Red Fox", "a red house"]
    assert await found(images, words=("red", "fox")) == ["A Red Fox"]
    assert await found(images, words=("fox", "house")) == []
    assert await found(images, words=("creme",)) == ["Crème brûlée, STRASSE"]
    assert await found(images, words=("夜",)) == ["東京の夜"]
    assert await found(images, words=("snake",)) == ["🦊 snake_case"]
    assert await found(images, words=("not", "or")) == ["the AND OR NOT words"]
    assert await found(images, words=("the",)) == ["foxes in the snow", "the AND OR NOT words"]
    assert await found(images, words=("re",)) == []
    assert await found(images, words=("🦊",)) == ["🦊 snake_case"]
    assert await found(images, words=words_of("ᦅᦱᧃ")) == ["ᦅᦱᧃ"]
    assert await found(images, words=words_of("ヴィ・ン")) == ["ダ・ヴィンチ"]
    assert words_of("・") == ()
    assert await found(images, words=(NO_WORD,)) == []


async def test_filters_and_the_trash(images: ImageStore) -> None:
    await save(
        images,
        new("plain", created_at=at(5)),
        new("tagged", tags=("x", "y"), job_id="j1"),
        new("batched", batch_id="b1", job_id="j2", model="demo", provider="demo"),
        new("loved", favorite=True),
        new("trashed", trashed_at=at(1), tags=("x",)),
    )
    assert await found(images) == ["batched", "loved", "plain", "tagged"]
    assert await found(images, trashed=(True,)) == ["trashed"]
    assert await found(images, trashed=(True, False), tags=("x", "z")) == ["tagged", "trashed"]
    assert await found(images, jobs=("j1", "j2")) == ["batched", "tagged"]
    assert await found(images, batches=("b1",)) == ["batched"]
    assert await found(images, models=("demo",), providers=("demo",)) == ["batched"]
    assert await found(images, favorite=(True,)) == ["loved"]
    assert await found(images, created_after=at(0)) == ["plain"]
    assert await found(images, words=("tagged",), tags=("y",)) == ["tagged"]
    assert await found(images, words=("tagged",), tags=("q",)) == []


async def test_pages(images: ImageStore) -> None:
    made = [new(f"n {i}", created_at=at(i // 2)) for i in range(6)]
    await save(images, *made)
    newest = sorted(made, key=lambda image: (image.created_at, image.id), reverse=True)
    where = ImageFilter(words=("n",))
    first = await images.select(owner="local", where=where, page=Page(limit=3))
    after = Place(first[-1].created_at, first[-1].id)
    second = await images.select(owner="local", where=where, page=Page(limit=9, after=after))
    assert first + second == newest
    upwards = Page(limit=9, ascending=True)
    assert await images.select(owner="local", where=where, page=upwards) == newest[::-1]


async def test_a_buried_image_is_gone_and_stays_so(images: ImageStore) -> None:
    image = new(tags=("x",), batch_id="b").changed(favorite=True)
    assert await images.save_many([Change(image, read=0)]) == frozenset()
    ids = {"owner": "local", "job_id": image.job_id, "batch_id": "b"}
    version = await images.bury(image.id, **ids)
    assert version > image.version
    assert await images.bury(image.id, **ids) == version
    assert await images.get(image.id, owner="local") is None
    assert await images.find_many([image.id], owners=["local"]) == []
    assert await found(images, trashed=()) == await found(images, words=("fox",)) == []
    assert await found(images, tags=("x",)) == await found(images, batches=("b",)) == []
    for read in (0, image.version, version):
        assert await images.save_many([Change(image, read=read)]) == {image.id}
    [stamp] = await images.changed_since(0, owners=["local"], limit=9)
    assert (stamp.id, stamp.version, stamp.deleted) == (image.id, version, True)
    assert (stamp.job_id, stamp.batch_id, stamp.owner) == (image.job_id, "b", "local")
    assert await images.newest_change() == stamp.saved_at


async def test_an_image_may_be_buried_before_it_was_ever_saved(images: ImageStore) -> None:
    image = new()
    version = await images.bury(image.id, owner="local", job_id=image.job_id, batch_id=None)
    assert version > 1
    assert await images.save_many([Change(image, read=0)]) == {image.id}
    assert await images.get(image.id, owner="local") is None


async def test_what_does_not_exist(images: ImageStore) -> None:
    assert await images.get(new_id(), owner="local") is None
    assert await images.find_many([], owners=["local"]) == []
    assert await images.newest_change() == 0
