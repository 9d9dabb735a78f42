"""What a prompt asks to be painted: words in, a `Scene` out, nothing drawn."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

_VOCABULARY = {
    "sea": "sea ocean beach wave coast shore surf harbour harbor seaside bay 🌊 🏖",
    "lake": "lake pond lagoon reflection fjord loch",
    "river": "river stream creek valley canyon waterfall",
    "island": "island tropical atoll archipelago palm hawaii 🏝",
    "forest": "forest wood woods tree jungle woodland grove pine rainforest 🌲 🌳",
    "city": "city cities town street skyline downtown urban skyscraper metropolis tokyo york london"
    " paris cyberpunk building village car 🏙 🌃",
    "mountain": "mountain peak alp alps himalaya volcano summit cliff highland ⛰ 🏔",
    "desert": "desert dune sahara cactus oasis sand 🏜 🌵",
    "garden": "garden flower rose tulip poppies poppy lavender daisy bloom blossom sunflower"
    " bouquet orchid butterfly 🌸 🌷 🌻 🌹",
    "meadow": "meadow field hill grass countryside farm pasture prairie landscape",
    "space": "space galaxy galaxies nebula cosmos cosmic planet universe star astronaut saturn mars"
    " jupiter orbit spaceship 🌌 🪐 🚀 ✨",
    "portrait": "portrait woman man girl boy person face lady king queen prince princess human"
    " people child wizard witch elf warrior selfie hero 👩 👨 🙂",
    "abstract": "abstract geometric pattern shape fractal fluid texture dream bauhaus kandinsky"
    " surreal swirl minimal wallpaper",
    "galaxy": "galaxy galaxies nebula spiral 🌌",
    "planet": "planet saturn mars jupiter orbit 🪐",
    "night": "night midnight starry dark nocturnal evening moonlight moonlit",
    "sunset": "sunset dusk twilight golden 🌅 🌇",
    "dawn": "dawn sunrise morning",
    "day": "day noon daylight sunny sun bright ☀",
    "rain": "rain drizzle monsoon wet umbrella 🌧 ☔",
    "storm": "storm thunder lightning tempest hurricane thunderstorm ⚡ ⛈",
    "snow": "snow blizzard snowfall ❄ ☃",
    "fog": "fog foggy mist misty haze hazy",
    "winter": "winter frost frozen ice icy arctic glacier christmas",
    "autumn": "autumn fall october harvest 🍁 🍂",
    "spring": "spring april cherry sakura",
    "moon": "moon crescent moonlight moonlit 🌙 🌕",
    "neon": "neon cyberpunk synthwave vaporwave futuristic",
    "fox": "fox foxes vixen 🦊",
    "cat": "cat kitten kitty feline 🐱 🐈",
    "wolf": "wolf wolves dog husky puppy 🐺 🐶",
    "rabbit": "rabbit bunny bunnies hare 🐰 🐇",
    "bear": "bear panda teddy 🐻 🐼",
    "robot": "robot android cyborg mech droid machine 🤖",
    "dragon": "dragon wyvern 🐉 🐲",
    "castle": "castle fortress palace citadel kingdom 🏰",
    "lighthouse": "lighthouse beacon",
    "boat": "boat ship sail sailboat yacht sailing ⛵",
    "house": "house cabin cottage hut home 🏠 🏡",
}
_STYLE_WORDS = {
    "photographic": "photo photograph photographic photorealistic realistic",
    "cinematic": "cinematic film movie",
    "watercolor": "watercolor watercolour aquarelle",
    "oil-painting": "oil impasto impressionist",
    "ink": "ink sumi calligraphy",
    "line-art": "line lineart sketch pencil outline",
    "pixel-art": "pixel pixelart 8bit retro",
    "pastel": "pastel chalk",
    "neon": "neon",
    "vintage": "vintage sepia antique",
    "low-poly": "lowpoly poly polygonal",
    "anime": "anime manga ghibli cartoon",
}
_COLOURS = {
    "red": "#d8352f", "crimson": "#b3122d", "orange": "#f08024", "gold": "#e8b23a",
    "yellow": "#f4cf3a", "green": "#3c9a4e", "emerald": "#12805c", "teal": "#159a9a",
    "turquoise": "#2cc0b8", "cyan": "#25c5e0", "blue": "#2a62d8", "navy": "#1a2c6b",
    "indigo": "#3f2fa0", "purple": "#7d3bb5", "violet": "#8a4fd0", "magenta": "#d02a9a",
    "pink": "#f07aa8", "brown": "#80502e", "white": "#f2f2f0", "black": "#17171c",
    "grey": "#85888c", "gray": "#85888c", "silver": "#b8bec6",
}  # fmt: skip
PLACES = [
    "portrait",
    "abstract",
    "city",
    "island",
    "lake",
    "river",
    "garden",
    "desert",
    "forest",
    "sea",
    "mountain",
    "meadow",
    "space",
]
TIMES = ("night", "sunset", "dawn", "day")
SUBJECTS = [
    "fox",
    "cat",
    "wolf",
    "rabbit",
    "bear",
    "robot",
    "dragon",
    "castle",
    "lighthouse",
    "boat",
    "house",
]
# Where a word that names no place is at home; the seed picks among them.
_HOMES = {
    "fox": "forest meadow", "cat": "meadow garden", "wolf": "forest mountain", "rabbit": "meadow",
    "bear": "forest mountain", "robot": "city desert", "dragon": "mountain", "castle": "mountain",
    "lighthouse": "sea", "boat": "sea lake", "house": "meadow mountain",
    "neon": "city", "winter": "forest mountain", "snow": "forest mountain", "autumn": "forest lake",
    "spring": "garden meadow", "storm": "sea mountain", "rain": "city", "fog": "forest mountain",
    "moon": "lake mountain sea", "night": "mountain lake forest", "sunset": "sea meadow mountain",
    "dawn": "lake mountain meadow", "day": "meadow mountain sea",
}  # fmt: skip


def _index(table: dict[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, words in table.items():
        for word in words.split():
            found[word] = (*found.get(word, ()), name)
    return found


_MEANING = _index(_VOCABULARY)
_STYLE = _index(_STYLE_WORDS)


@dataclass(frozen=True)
class Scene:
    """Everything the painter needs to know; equal scenes make equal pictures."""

    place: str
    also: frozenset[str]  # other places named, and season, weather, moon, neon
    time: str  # "" leaves it to the seed
    subject: str  # "" for none
    colours: tuple[str, ...]  # of the whole picture, as #rrggbb
    subject_colour: str
    style: str
    without: frozenset[str]  # what the negative prompt forbids
    entropy: tuple[int, int]  # of the words, and of the words with the seed


def _stem(word: str) -> str:
    forms = (word, word.removesuffix("s"), word.removesuffix("es"), word.removesuffix("y"))
    return next((f for f in forms if f in _MEANING or f in _STYLE or f in _COLOURS), word)


def _tokens(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [_stem(word) for word in re.findall(r"\w+|[^\w\s]", folded)]


def _digest(*parts: str) -> int:
    raw = "\0".join(parts).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big")


def read(prompt: str, *, seed: int, style: str | None = None, negative: str | None = None) -> Scene:
    """The scene a prompt describes. Any text is a scene; an unknown `style` changes nothing."""
    without = frozenset(n for w in _tokens(negative or "") for n in _MEANING.get(w, ()))
    words = _tokens(prompt)
    names: list[str] = []
    colours: list[str] = []
    subject_colour = ""
    for word, following in pairwise([*words, ""]):
        names += [n for n in _MEANING.get(word, ()) if n not in without and n not in names]
        if word in _COLOURS:
            colours.append(_COLOURS[word])
            if any(n in SUBJECTS for n in _MEANING.get(following, ())):
                subject_colour = colours.pop()
    # Colours and styles change how a picture looks, never what is in it.
    text = " ".join(w for w in words if (w not in _COLOURS and w not in _STYLE) or w in _MEANING)
    of_words, of_seed = _digest(text), _digest(text, str(seed))
    places = [p for p in PLACES if p in names]
    if not places:
        homes = next((_HOMES[n] for n in names if n in _HOMES), "").split()
        wild = ["abstract", "abstract", "abstract", "mountain", "meadow", "lake", "desert", "space"]
        choice, dice = (homes, of_seed) if homes else (wild, of_words)
        places = [choice[dice % len(choice)]]
    styles = [s for w in words for s in _STYLE.get(w, ()) if s != "neon"]
    return Scene(
        place=places[0],
        also=frozenset(names) - {places[0]},
        time=next((t for t in TIMES if t in names), ""),
        subject=next((n for n in names if n in SUBJECTS), ""),
        colours=tuple(colours[:3]),
        subject_colour=subject_colour,
        style=style if style in _STYLE_WORDS else next(iter(styles), ""),
        without=without,
        entropy=(of_words, of_seed),
    )
