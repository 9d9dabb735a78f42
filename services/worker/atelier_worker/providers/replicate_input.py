"""An order in the words of a model on Replicate, read from the schema that each publishes."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import Field, FiniteFloat

from atelier_worker.ports import Order
from atelier_worker.providers.fitting import nearest_ratio
from atelier_worker.providers.talk import Wire

MEGAPIXEL: Final = 1024 * 1024
SEEDS: Final = 2**32


class _Named(Wire):
    ref: str = Field("", alias="$ref")


class Property(Wire):
    """One input of a model; `enum` has the choices where there are some, perhaps by name."""

    enum: tuple[Any, ...] = ()
    named: tuple[_Named, ...] = Field((), alias="allOf")
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None

    def within(self, value: float) -> float:
        """`value`, or the bound that it crosses."""
        if self.minimum is not None:
            value = max(value, self.minimum)
        return value if self.maximum is None else min(value, self.maximum)


Schema = Mapping[str, Property]


class _Schema(Wire):
    properties: dict[str, Property] = Field(default_factory=dict)
    enum: tuple[Any, ...] = ()


class _Components(Wire):
    schemas: dict[str, _Schema]


class _OpenApi(Wire):
    components: _Components


class _Version(Wire):
    id: str = Field(pattern=r"^[0-9a-f]{64}$")
    openapi_schema: _OpenApi


class Described(Wire):
    """What Replicate tells of a model."""

    is_official: bool = False
    latest_version: _Version

    def version(self, name: str) -> str:
        """What a prediction names to run the model `name`."""
        return name if self.is_official else self.latest_version.id

    @cached_property
    def schema_of_input(self) -> Schema:
        """What the model takes."""
        schemas = self.latest_version.openapi_schema.components.schemas
        found = {}
        for name, each in schemas.get("Input", _Schema()).properties.items():
            lists = [schemas.get(n.ref.rpartition("/")[2], _Schema()).enum for n in each.named]
            choices = next((choices for choices in (each.enum, *lists) if choices), ())
            found[name] = each.model_copy(update={"enum": choices})
        return found

    def input_of(self, order: Order) -> dict[str, Any]:
        """What to send for `order`; what the model does not know is left out."""
        schema = self.schema_of_input
        wanted: dict[str, Any] = {"prompt": order.prompt} | _shape(order, schema)
        if "seed" in schema:
            most = schema["seed"].maximum
            span = SEEDS if most is None else max(1, min(SEEDS, int(most) + 1))
            wanted["seed"] = order.seeds[0] % span
        if "num_outputs" in schema:
            wanted["num_outputs"] = len(order.indexes)
        if order.negative_prompt and "negative_prompt" in schema:
            wanted["negative_prompt"] = order.negative_prompt
        for names, value in (
            (("num_inference_steps", "steps"), order.steps),
            (("guidance", "guidance_scale", "cfg"), order.guidance),
        ):
            name = next((n for n in names if n in schema), None)
            if name and value is not None:
                fitting = schema[name].within(value)
                wanted[name] = int(fitting) if isinstance(value, int) else fitting
        kinds = ("jpeg", "jpg") if order.output_format == "jpeg" else (order.output_format,)
        for kind in kinds:
            if "output_format" in schema and kind in schema["output_format"].enum:
                wanted["output_format"] = kind
        return wanted


def _shape(order: Order, schema: Schema) -> dict[str, Any]:
    sized = "width" in schema and "height" in schema
    exact: dict[str, Any] = {}
    if sized:
        exact["width"] = int(schema["width"].within(order.width))
        exact["height"] = int(schema["height"].within(order.height))
    if "aspect_ratio" not in schema:
        return exact
    choices = schema["aspect_ratio"].enum
    if sized and "custom" in choices:
        return exact | {"aspect_ratio": "custom"}
    ratios = [c for c in choices if isinstance(c, str) and c.replace(":", "", 1).isdigit()]
    shape: dict[str, Any] = {"aspect_ratio": nearest_ratio(order, ratios)} if ratios else {}
    if "megapixels" in schema:
        known = [c for c in schema["megapixels"].enum if _number(c)]
        area = order.width * order.height / MEGAPIXEL
        if known:
            shape["megapixels"] = min(known, key=lambda choice: abs(float(choice) - area))
    return shape


def _number(choice: Any) -> bool:
    return isinstance(choice, str) and choice.replace(".", "", 1).isdigit()
