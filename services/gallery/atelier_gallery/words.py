"""The words of a text as search knows them: the same whichever store does the searching."""

import re
import unicodedata

LONGEST = 64  # characters: databases limit the length of what they index

_UNSPACED = re.compile(
    "[\u1980-\u19df\u1cf2\u1cf3"  # vowels in them are no letters to every database
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
_ASCII = re.compile(r"[a-z0-9]+")


def words_of(text: str) -> tuple[str, ...]:
    """Its words without case and accents, each once, in order.

    In scripts without spaces each character is a word, and so is an emoji. What is longer than 64
    characters is known by its beginning.
    """
    if text.isascii():
        words = _ASCII.findall(text.lower())
    else:
        plain = unicodedata.normalize("NFKD", text).casefold()
        words = "".join(_spaced(c) for c in plain if not unicodedata.combining(c)).split()
    return tuple(dict.fromkeys(word[:LONGEST] for word in words))


def _spaced(character: str) -> str:
    if _UNSPACED.match(character) or unicodedata.category(character) == "So":
        return f" {character} "
    return character if character.isalnum() else " "
