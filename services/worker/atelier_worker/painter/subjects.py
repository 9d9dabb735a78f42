"""What stands in a place, and who: which drawing, how large, in which colours."""

import numpy as np

from atelier_worker.painter.canvas import chance, ellipse, strip
from atelier_worker.painter.figures import Colours, Figure, draw
from atelier_worker.painter.palette import Colour, mix, rgb, shade
from atelier_worker.painter.sky import Stage

_WHITE = (255.0, 255.0, 255.0)
_COATS = {  # fur (one is chosen), pale, dark, eye
    "fox": "dd6427 fff3e2 3a1d16 3a2410", "wolf": "7d8696 eef0f2 2c313b d8a62c",
    "cat": "4a4653,d98b3f,8d8a92,e9e2d8,5f4a3c f4eee8 2a2730 8fd06a",
    "rabbit": "c9a98a,a8a29c fdf6ee 5a4336 2c1c18", "bear": "7a5034 d9b48c 35221a 1e1412",
}  # fmt: skip
_MADE = {  # of the same order: the colour the prompt may set first, then others by name
    "robot": "shell e8e4da,6fa3b8,e0a048,c96a5a,8a93a6 steel 4a5262 eye 4ff0ff,ffcf4a,7dff9a",
    "dragon": "skin 8a2436,1f5a4c,35306e,2a2430",
    "castle": "stone b9aa9a,a3a3b2,c4b08e roof a8433a,3f5f94,5a4a86,3a7a78",
    "lighthouse": "band c8362e,c8362e,2a5f94,2b2f3a",
    "boat": "sail fbf3e4,f2d9a8,e86a4a hull 7a3a2a,24466a,f0ece2",
    "house": "wall e9d9bd,8a5a3c,dfe3e2 roof 9c4034,4a5668,6a4630",
}
_TALL = {
    "robot": 0.5,
    "dragon": 0.42,
    "castle": 0.55,
    "lighthouse": 0.5,
    "boat": 0.3,
    "house": 0.27,
}
_PERSON = (
    "skin f6d3b8,eab893,d69a6f,a86b45,7a4a30,5a3524"
    " hair 241a1c,4a2c20,8a4a28,c98a3f,b5432e,6b6470,2c2f52,d98aa0"
    " cloth 2f4f78,a8433a,e0a03f,3f7a68,5a3f78,e9e2d4,2b2d38"
    " iris 4a2f20,3f6f8a,4f7a4a,6a5030 lips b5443f,c2646a,9a4a44"
)
_GROUNDS = (
    "f2b84b e4572e", "7fb7be d3f3ee", "e07a5f f4d6b8", "3d5a80 98c1d9", "84a98c dfe8c8",
    "6d597a e8a598", "f4a6a0 ffe3c8", "2a9d8f f0d58a",
)  # fmt: skip


def _pick(g: Stage, codes: str) -> Colour:
    return rgb("#" + str(g.rng.choice(codes.split(","))))


def _named(g: Stage, spec: str) -> Colours:
    words = spec.split()
    return {name: _pick(g, codes) for name, codes in zip(words[::2], words[1::2], strict=True)}


def subject(g: Stage, x: float, y: float) -> None:
    """Put the scene's subject at x, y, where the place has room for it."""
    name, own = g.scene.subject, g.scene.subject_colour
    close = g.scene.place in ("portrait", "abstract")
    if name in _COATS:
        fur, pale, dark, eye = (_pick(g, codes) for codes in _COATS[name].split())
        fur = rgb(own) if own else fur
        pale, dark = mix(pale, fur, 0.06), mix(dark, shade(fur, 0.35), 0.5)
        tall = (0.74 if close else 0.48) * g.scale
        colours = {
            "fur": fur, "pale": pale, "dark": dark, "eye": eye,
            "paw": dark if name in ("fox", "bear") else shade(fur, 0.72),
            "rose": mix(pale, rgb("#e89a9a"), 0.6),
            "nose": dark if name == "bear" else rgb("#d8787c"),
        }  # fmt: skip
        turned = 1 if chance(g.rng, 0.5) else -1
        draw(Figure(g, x, 0.99 if close else y, tall * turned, tall), name, colours)
    elif name in _MADE:
        _made(g, name, x, y, close=close)


def _made(g: Stage, name: str, x: float, y: float, *, close: bool) -> None:
    colours = _named(g, _MADE[name])
    first = next(iter(colours))
    if g.scene.subject_colour:
        colours[first] = rgb(g.scene.subject_colour)
    if name == "house" and g.has("snow", "winter"):
        colours["roof"] = rgb("#f3f7fc")
    main = colours[first]
    by_day = g.p.time == "day" and not g.has("storm", "rain", "fog")
    colours |= {
        "lamp": mix(shade(main, 0.4), g.p.sky[1], 0.3) if by_day else g.p.lamp,
        "web": mix(main, rgb("#e8905a"), 0.35), "belly": mix(main, rgb("#f2c98a"), 0.5),
        "rock": mix(g.p.near, rgb("#5a5560"), 0.35),
    }  # fmt: skip
    tall = _TALL[name] * g.scale * (1.5 if close else 1)
    if name == "dragon":
        x, y = g.wide * 0.5, 0.42
    if name == "lighthouse" and by_day:
        colours["lamp"] = rgb("#fff0c0")
    elif name == "lighthouse":
        draw(Figure(g, x, y, tall, tall), "beams", colours)
    draw(Figure(g, x, y, tall, tall), name, colours)


def backdrop(g: Stage) -> None:
    """A plain ground for a portrait: colour, a large disc, and leaves, rays or bubbles."""
    c, rng = g.c, g.rng
    back, disc = (rgb("#" + code) for code in str(rng.choice(_GROUNDS)).split())
    if g.scene.colours:
        back = rgb(g.scene.colours[0])
        disc = mix(back, (255, 245, 225), 0.6)
    if g.scene.time == "night":
        back, disc = shade(mix(back, rgb("#101a4a"), 0.7), 0.6), rgb("#f3e6c0")
    c.field(np.array([[back], [shade(back, 0.8)]], np.float32))
    c.fill([ellipse(g.wide / 2, 0.42, 0.37 * g.scale)], disc)
    kind = int(rng.integers(0, 3))
    for k in range(12):
        a = np.pi * (0.72 + 1.56 * k / 11) + rng.normal(0, 0.06)
        out = np.array([np.cos(a), np.sin(a)])
        x, y = out * 0.43 * g.scale + (g.wide / 2, 0.46)
        if kind == 0:
            long = rng.uniform(0.1, 0.17)
            leaf = ellipse(x, y, long, long * 0.3, a + rng.normal(0, 0.5))
            c.fill([leaf], mix(shade(back, 0.62), rgb("#2f6f5a"), 0.5))
            vein = np.stack([(x, y) - out * long * 0.7, (x, y) + out * long * 0.7])
            c.fill([strip(vein, 0.004, 0.002)], disc, alpha=0.5)
        elif kind == 1:
            ray = np.stack([(x, y), (x, y) + out * 0.5])
            c.fill([strip(ray, 0.02, 0.07)], mix(back, disc, 0.35))
        else:
            u, v = rng.normal(0, 0.05, 2)
            c.fill(
                [ellipse(x + u, y + v, rng.uniform(0.01, 0.045))],
                mix(back, disc, rng.uniform(0.2, 0.8)),
            )


def person(g: Stage) -> None:
    """A head and shoulders in the middle of the canvas, never the same twice."""
    rng = g.rng
    colours = _named(g, _PERSON)
    skin = colours["skin"]
    if g.scene.colours:
        colours["cloth"] = mix(rgb(g.scene.colours[-1]), rgb("#402030"), 0.25)
    colours |= {
        "shadow": shade(mix(skin, rgb("#8a2f3a"), 0.22), 0.82),
        "lips": mix(colours["lips"], skin, 0.25), "blush": rgb("#e0605a"),
    }  # fmt: skip
    turned = 1 if chance(rng, 0.5) else -1
    size = g.scale * rng.uniform(0.96, 1.03)
    broad = size * rng.uniform(0.95, 1.05) * turned
    top = 1.03 - size + 0.03 * rng.random()
    f = Figure(g, g.wide / 2, top, broad, size, studio=True)
    hair = str(rng.choice(["bob", "long", "bun", "short", "curls", "braid"]))
    draw(f, f"back-{hair}", colours)
    draw(f, "bust", colours)
    draw(f, str(rng.choice(["collar", "scarf", "open"])), colours)
    draw(f, "head", colours)
    draw(f, "asleep" if chance(rng, 0.2) else "awake", colours)
    draw(f, "smiling" if chance(rng, 0.6) else "calm", colours)
    draw(f, f"front-{hair}", colours)
    draw(f, str(rng.choice(["glasses", "earrings", "flower", "plain"])), colours)
