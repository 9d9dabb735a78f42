"""The words of a text as search knows them: the same whichever store does the searching."""

import re
import unicodedata

LONGEST = 64  # characters: databases limit the length of what they index

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # scripts without spaces
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def words_of(text: str) -> tuple[str, ...]:
    """Its words without case and accents, each once, in order; of Chinese its characters.

    What is longer than 64 characters is known by its beginning.
    """
    plain = "".join(
        c for c in unicodedata.normalize("NFKD", text).casefold() if not unicodedata.combining(c)
    )
    return tuple(dict.fromkeys(word[:LONGEST] for word in _WORD.findall(plain)))
