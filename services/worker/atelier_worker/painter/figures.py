"""Figures: the drawings of figures.txt, put on the canvas in colours of their own."""

from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np

from atelier_worker.painter.canvas import Points, chance, ellipse, mirror, rect, smooth, strip
from atelier_worker.painter.palette import Colour, mix, rgb, shade
from atelier_worker.painter.sky import Stage

Colours = dict[str, Colour]
_COMMON = {
    "white": rgb("#fdfaf4"), "ink": rgb("#231a20"), "night": rgb("#0c0c18"),
    "gold": rgb("#f0b83c"), "fire": rgb("#ff9a3a"),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One line of a drawing."""

    colour: str
    foot: str = ""
    smooth: bool = False
    mirrored: bool = False
    both: bool = False
    widths: tuple[float, ...] = ()
    alpha: float = 1.0
    soft: float = 0.0
    share: float = 1.0
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """Where on the stage a drawing stands, and how large its unit is across and down."""

    g: Stage
    x: float
    y: float
    sx: float
    sy: float
    alpha: float = 1.0
    studio: bool = False  # lit by a lamp of its own, not by the scene


def _sections(text: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for block in text.split("\n[")[1:]:
        name, _, body = block.partition("]\n")
        lines = (line.strip() for line in body.splitlines())
        found[name] = tuple(line for line in lines if line and not line.startswith("#"))
    return found


@cache
def _drawing(name: str) -> tuple[str, ...]:
    text = files("atelier_worker.painter").joinpath("figures.txt").read_text("utf-8")
    return _sections(text)[name]


@cache
def _part(line: str) -> Part:
    head, _, body = line.partition(" : ")
    colours, *flags = head.split()
    colour, _, foot = colours.partition(">")
    part = Part(colour, foot, shapes=tuple(one.strip() for one in body.split(";")))
    for flag in _flags("".join(flags)):
        value = flag[1:]
        match flag[0]:
            case "~":
                part = replace(part, smooth=True)
            case "^":
                part = replace(part, mirrored=True)
            case "|":
                part = replace(part, both=True)
            case "-":
                part = replace(part, widths=tuple(float(w) for w in value.split(",")))
            case "@":
                part = replace(part, alpha=float(value))
            case "%":
                part = replace(part, soft=float(value))
            case _:
                part = replace(part, share=float(value))
    return part


def _flags(text: str) -> list[str]:
    for sign in "~^|-@%?":
        text = text.replace(sign, " " + sign)
    return text.split()


@cache
def _outline(shape: str, part: Part) -> tuple[Points, ...]:
    """The polygons of one shape, in the units of its drawing."""
    kind, _, rest = shape.partition(" ")
    numbers = [float(v) for v in rest.split()] if kind in ("o", "r", "p") else []
    if kind == "o":
        points = ellipse(*numbers)
    elif kind == "r":
        points = rect(*numbers)
    elif kind == "p":
        x, y, w, h = numbers
        r = min(w, h) * 0.3
        corners = [(x + r, y), (x + w - r, y), (x + w, y + r), (x + w, y + h - r)]
        corners += [(x + w - r, y + h), (x + r, y + h), (x, y + h - r), (x, y + r)]
        points = smooth(np.array(corners), 4)
    else:
        points = np.array([pair.split() for pair in shape.split(",")], float)
    if part.mirrored:
        points = mirror(points)
    if part.widths:
        points = strip(smooth(points, 8, closed=False), *part.widths)
    elif part.smooth:
        points = smooth(points, 6)
    return (points, points * (-1, 1)) if part.both else (points,)


def _colour(f: Figure, code: str, colours: Colours) -> Colour:
    base, _, dim = code.lstrip("!").partition("*")
    name, _, blend = base.partition("/")
    colour = colours[name]
    if blend:
        other, _, amount = blend.partition(":")
        colour = mix(colour, colours[other], float(amount))
    if dim:
        colour = shade(colour, float(dim))
    if f.studio or code.startswith("!"):
        return colour
    p = f.g.p
    return shade(mix(colour, p.sky[1], 0.28), 0.8) if p.dark else mix(colour, p.sky[-1], 0.12)


def draw(f: Figure, name: str, colours: Colours) -> None:
    """Draw a drawing; `colours` names what `figures.txt` leaves open."""
    colours = _COMMON | colours
    for line in _drawing(name):
        if line.startswith("="):
            _, other, *numbers = line.split()
            x, y, sx, sy, alpha = [float(v) for v in numbers] + [0, 0, 1, 1, 1][len(numbers) :]
            inner = replace(
                f, x=f.x + x * f.sx, y=f.y + y * f.sy, sx=f.sx * sx, sy=f.sy * sy,
                alpha=f.alpha * alpha,
            )  # fmt: skip
            draw(inner, other, colours)
            continue
        part = _part(line)
        if part.share < 1 and not chance(f.g.rng, part.share):
            continue
        _put(f, part, colours)


def _put(f: Figure, part: Part, colours: Colours) -> None:
    colour, alpha = _colour(f, part.colour, colours), part.alpha * f.alpha
    shapes: list[Points] = []
    for shape in part.shapes:
        if shape.startswith("g "):
            x, y, r = (float(v) for v in shape.split()[1:])
            f.g.c.glow(f.x + x * f.sx, f.y + y * f.sy, r * f.sy, colour, alpha)
            continue
        shapes += [p * (f.sx, f.sy) + (f.x, f.y) for p in _outline(shape, part)]
    foot = _colour(f, part.foot, colours) if part.foot else None
    f.g.c.fill(shapes, colour, to=foot, alpha=alpha, soft=part.soft * abs(f.sy))
