"""Folders that are as durable as the files in them, and walking them in the order of keys."""

import os
from collections.abc import Iterator
from pathlib import Path

_REMEMBERED = 10_000
_TRIES = 20


class Folders:
    """The folders under `root`; safe to use from many threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._durable: set[Path] = {root}  # known to be on disk, with everything above them

    def made(self, folder: Path) -> bool:
        """Whether this process made the folder, or found it to be a real one, lately."""
        return folder in self._durable

    def move(self, source: Path, target: Path) -> None:
        """Rename the file `source` to `target` durably, making the folders it needs.

        Raises:
            OSError
        """
        for left in reversed(range(_TRIES)):
            try:
                self._make(target.parent)
                source.replace(target)
                fsync_folder(target.parent)
            except FileNotFoundError:  # `remove` took the empty folder in between
                self._forget(target.parent)
                if not left:
                    raise
            else:
                return

    def remove(self, target: Path) -> None:
        """Remove the file durably, and the folders this leaves empty; nothing there is fine.

        Raises:
            OSError
        """
        try:
            target.unlink()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        folder = target.parent
        while folder != self._root:
            self._durable.discard(folder)
            try:
                folder.rmdir()
            except OSError:  # not empty
                break
            folder = folder.parent
        try:
            fsync_folder(folder)
        except FileNotFoundError:  # another `remove` went further up, and fsyncs there
            return

    def _make(self, folder: Path) -> None:
        if folder in self._durable:
            return
        self._make(folder.parent)
        try:
            folder.mkdir(exist_ok=True)
        except FileExistsError as exc:  # was there, and is a file, or was just removed
            if folder.exists():
                raise
            raise FileNotFoundError(folder) from exc
        fsync_folder(folder.parent)
        if len(self._durable) >= _REMEMBERED:
            self._durable = {self._root}
        self._durable.add(folder)

    def _forget(self, folder: Path) -> None:
        while folder != self._root:
            self._durable.discard(folder)
            folder = folder.parent


def fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def walk(root: Path, prefix: str) -> Iterator[str]:
    """The keys of all files under `root` that start with `prefix`, in the order of the keys."""
    above, _, name = prefix.rpartition("/")
    yield from _walk(root / above, f"{above}/" if above else "", name)


def _walk(folder: Path, base: str, start: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            # A folder sorts as its name with "/", since that is how the keys in it begin.
            names = sorted(
                entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                for entry in entries
                if entry.name.startswith(start)
            )
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if name.endswith("/"):
            yield from _walk(folder / name, base + name, "")
        else:
            yield base + name
