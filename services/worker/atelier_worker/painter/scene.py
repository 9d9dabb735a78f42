"""What a prompt asks to be painted: words in, a `Scene` out, nothing drawn."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise


def _sections(*names: str) -> dict[str, list[str]]:
    texts = [files(__package__).joinpath(name).read_text("utf-8") for name in names]
    blocks = re.sub(r"(?m)^#.*\n", "", "".join(texts)).split("[")[1:]
    parts = (block.partition("]\n") for block in blocks)
    return {name: [line for line in body.splitlines() if line] for name, _, body in parts}


DATA = _sections("scenes.txt", "figures.txt")


def table(section: str) -> dict[str, list[str]]:
    """The entries of a section of the data, each a name and what stands for it."""
    entries = (entry.split() for line in DATA[section] for entry in line.split(";"))
    return {name: values for name, *values in entries}


def _index(section: str) -> dict[str, list[str]]:
    """The names every word stands for."""
    found: dict[str, list[str]] = {}
    for name, words in table(section).items():
        for word in (name, *words):
            found.setdefault(word, []).append(name)
    return found


_MEANING, _STYLE = _index("words"), _index("styles")
_HOME, _COLOUR = table("homes"), table("colours")
PLACES = tuple(table("words"))[:11]  # the first of them that is named is painted
TIMES, SUBJECTS = ("night", "sunset", "dawn", "day"), ("fox", "cat", "castle", "lighthouse", "boat")


@dataclass(frozen=True)
class Scene:
    """Everything the painter needs to know; equal scenes make equal pictures."""

    place: str
    named: frozenset[str]  # the place and others; season, weather, moon, neon
    time: str  # "" leaves it to the seed
    subject: str  # "" for none
    colours: tuple[str, ...]  # of the whole picture, as rrggbb
    subject_colour: str
    style: str
    without: frozenset[str]  # what the negative prompt forbids
    entropy: tuple[int, int]  # of the words, and of the words with the seed


def _tokens(text: str) -> list[str]:
    words = re.findall(r"\w+|[^\w\s]", unicodedata.normalize("NFKC", text).casefold())
    known = {*_MEANING, *_STYLE, *_COLOUR}
    forms = [(w, w.removesuffix("s"), w.removesuffix("es"), w.removesuffix("y")) for w in words]
    return [next((form for form in some if form in known), some[0]) for some in forms]


def read(prompt: str, *, seed: int, negative: str | None = None) -> Scene:
    """The scene a prompt describes. Any text is a scene."""
    without = frozenset(n for w in _tokens(negative or "") for n in _MEANING.get(w, ()))
    words, colours, own = _tokens(prompt), list[str](), ""
    for word, following in pairwise([*words, ""]):
        if word in _COLOUR and not set(SUBJECTS).isdisjoint(_MEANING.get(following, ())):
            own = _COLOUR[word][0]
        else:
            colours += _COLOUR.get(word, ())
    names = [n for w in words for n in _MEANING.get(w, ()) if n not in without]
    # Colours and styles change how a picture looks, never what is in it.
    text = " ".join(w for w in words if w in _MEANING or (w not in _COLOUR and w not in _STYLE))
    raw = [part.encode("utf-8", "surrogatepass") for part in (text, f"{text}\0{seed}")]
    entropy = [int.from_bytes(hashlib.blake2b(part, digest_size=8).digest()) for part in raw]
    wild = (["abstract", "abstract", "abstract", *PLACES[4:]], entropy[0])
    homes, dice = next(((_HOME[n], entropy[1]) for n in names if n in _HOME), wild)
    place = next((p for p in PLACES if p in names), homes[dice % len(homes)])
    sitter = "person" if place == "portrait" else ""
    return Scene(
        place,
        frozenset([*names, place]),
        time=next((t for t in TIMES if t in names), ""),
        subject=next((n for n in names if n in SUBJECTS), sitter),
        colours=tuple(colours[:3]),
        subject_colour=own or (colours[-1] if colours and sitter else ""),
        style=next((s for w in words for s in _STYLE.get(w, ())), ""),
        without=without,
        entropy=(entropy[0], entropy[1]),
    )
