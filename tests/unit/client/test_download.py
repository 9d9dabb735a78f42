import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atelier_client import ApiError, Retry, Unreachable
from atelier_client.download import safe_name, save
from atelier_client.requests import content

PLAIN = Retry(attempts=1, base=1, jitter=lambda: 1.0)
PICTURE = b"\x89PNG" + bytes(1000)


def saving(folder: Path, *, sha256: str | None = None) -> Any:
    call = content("i1", "/v1/images/i1/content")
    return save(call, folder, fallback="image-i1.png", sha256=sha256, retry=PLAIN)


def named(say: Any, disposition: str) -> Any:
    return say.reply(200, None, content_disposition=disposition)


def test_it_is_saved_under_the_servers_name(world: Any, say: Any, tmp_path: Path) -> None:
    good = named(say, 'attachment; filename="a-red-fox-1f3a9c2e.png"')
    folder = tmp_path / "new" / "folder"
    path = world(good, PICTURE[:10], PICTURE[10:], None).run(saving(folder))
    assert path == folder / "a-red-fox-1f3a9c2e.png"
    assert path.read_bytes() == PICTURE
    assert list(folder.iterdir()) == [path]
    assert path.stat().st_mode & 0o077 == (0o666 & ~_umask()) & 0o077


def test_nothing_is_overwritten(world: Any, say: Any, tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_text("mine")
    good = named(say, 'attachment; filename="fox.png"')
    paths = [world(good, PICTURE, None).run(saving(tmp_path)) for _ in range(2)]
    assert [p.name for p in paths] == ["fox-2.png", "fox-3.png"]
    assert (tmp_path / "fox.png").read_text() == "mine"


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/etc/passwd", "..\\..\\x.png", "..", ".", ".bashrc", "a\\b/c.png"],
)
def test_no_name_leaves_the_folder(world: Any, say: Any, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "pictures"
    path = world(named(say, f'attachment; filename="{name}"'), PICTURE, None).run(saving(folder))
    assert path.resolve().parent == folder.resolve()
    assert not path.name.startswith(".")
    assert list(tmp_path.iterdir()) == [folder]


@given(st.text(max_size=400))
def test_a_safe_name_is_safe(name: str) -> None:
    safe = safe_name(name)
    assert not re.search(r'[/\\\x00-\x1f<>:"|?*]', safe)
    assert safe == "" or not safe.startswith(".")
    assert len(safe.encode()) <= 200
    assert safe.isprintable() or not safe.isascii()
    assert safe_name(safe) == safe


def test_without_a_name_there_is_a_plain_one(world: Any, say: Any, tmp_path: Path) -> None:
    assert world(say.reply(200), PICTURE, None).run(saving(tmp_path)).name == "image-i1.png"


def test_a_cut_download_starts_again_and_leaves_nothing(
    world: Any, say: Any, tmp_path: Path
) -> None:
    w = world(say.reply(200), PICTURE[:5], say.cut(), say.reply(200), PICTURE, None)
    assert w.run(saving(tmp_path)).read_bytes() == PICTURE
    assert len(list(tmp_path.iterdir())) == 1
    w = world(say.reply(200), PICTURE[:5], say.cut(), say.reply(200), PICTURE[:9], say.cut())
    with pytest.raises(Unreachable):
        w.run(saving(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_picture_is_not_kept(world: Any, say: Any, tmp_path: Path) -> None:
    w = world(*[say.reply(200), PICTURE, None] * 2)
    with pytest.raises(ApiError) as caught:
        w.run(saving(tmp_path, sha256=hashlib.sha256(b"other").hexdigest()))
    assert caught.value.code == "damaged_download"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_picture_leaves_no_folder(world: Any, say: Any, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="not_found"):
        world(say.problem(404, "not_found")).run(saving(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_should_be_is_an_os_error(
    world: Any, say: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="exists"):
        world(say.reply(200)).run(saving(tmp_path / "file"))


def _umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask
