"""Every place there is to paint: each lays its parts back to front and says where to stand."""

from collections.abc import Callable

from atelier_worker.painter.abstract import abstract
from atelier_worker.painter.city import city
from atelier_worker.painter.sky import Spot, Stage
from atelier_worker.painter.space import space
from atelier_worker.painter.waters import island, lake, river, sea
from atelier_worker.painter.wilds import desert, forest, garden, meadow, mountain

PLACES: dict[str, Callable[[Stage], Spot]] = {
    "sea": sea, "island": island, "lake": lake, "river": river, "forest": forest, "city": city,
    "mountain": mountain, "desert": desert, "meadow": meadow, "garden": garden, "space": space,
    "abstract": abstract,
}  # fmt: skip
