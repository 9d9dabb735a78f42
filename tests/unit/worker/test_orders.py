"""Which words, which parameters, which seeds."""

from typing import Any

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.values import Money, new_id, now
from atelier_worker.orders import new_call, order
from atelier_worker.ports import Order

BOOK = catalogue()
DEMO = BOOK.find("demo/painter")[0]


def test_what_a_model_does_not_take_is_not_sent_and_the_rest_is_within_its_bounds() -> None:
    request = ImageRequest(prompt="a fox", style="ink", steps=9999, guidance=3.0, quality="high")
    job = AcceptedJob(id=new_id(), owner="local", request=request, created_at=now())

    def asked(**can: Any) -> Order:
        can = {"styles": False, "steps": None, "guidance": None, "qualities": ()} | can
        capabilities = DEMO.capabilities.model_copy(update=can)
        model = DEMO.model_copy(update={"capabilities": capabilities})
        call = new_call(job, model, BOOK, call_id=new_id(), indexes=(0,), at=now())
        return order(job, model, call)

    plain = asked()
    assert plain.prompt == "a fox, ink wash drawing on warm paper"
    assert (plain.style, plain.steps, plain.guidance, plain.quality) == (None,) * 4
    rich = asked(styles=True, steps=(1, 50), guidance=(0.0, 20.0), qualities=("low", "high"))
    assert rich.prompt == "a fox"
    assert (rich.style, rich.steps, rich.guidance, rich.quality) == ("ink", 50, 3.0, "high")


def test_each_picture_has_the_seed_of_its_index() -> None:
    job = AcceptedJob(
        id=new_id(),
        owner="local",
        request=ImageRequest(prompt="a fox", n=4, seed=2**32 - 2, aspect_ratio="16:9"),
        created_at=now(),
    )
    call = new_call(job, DEMO, BOOK, call_id=new_id(), indexes=(1, 3), at=now())
    asked = order(job, DEMO, call)
    assert asked.seeds == (2**32 - 1, 1), "seeds are 32 bits wide"
    assert (asked.width, asked.height) == job.request.dimensions()
    assert call.cost == Money.exactly("0")
