"""Which model, which words, which seeds."""

from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.values import Money, new_id, now
from atelier_worker.orders import choose, new_call, order, prompt_as_sent

BOOK = catalogue()
DEMO = BOOK.find("demo/painter")[0]


def test_auto_is_the_best_that_is_on_and_never_the_fake() -> None:
    auto = ImageRequest(prompt="a fox")
    assert choose(auto, BOOK, {"demo", "fake"}) == DEMO
    assert choose(auto, BOOK, {"fake"}) is None
    named = choose(ImageRequest(prompt="a fox", model="fake/free"), BOOK, {"demo", "fake"})
    assert named
    assert named.id == "fake/free"


def test_a_style_is_words_for_a_model_that_knows_none() -> None:
    request = ImageRequest(prompt="a fox", style="ink")
    assert prompt_as_sent(request, DEMO, BOOK) == "a fox"
    plain = DEMO.model_copy(
        update={"capabilities": DEMO.capabilities.model_copy(update={"styles": False})}
    )
    assert prompt_as_sent(request, plain, BOOK) == "a fox, ink wash drawing on warm paper"


def test_each_picture_has_the_seed_of_its_index() -> None:
    job = AcceptedJob(
        id=new_id(),
        owner="local",
        request=ImageRequest(prompt="a fox", n=4, seed=2**32 - 2, aspect_ratio="16:9"),
        created_at=now(),
    )
    call = new_call(job, DEMO, BOOK, indexes=(1, 3), at=now())
    asked = order(job, DEMO, call)
    assert asked.seeds == (2**32 - 1, 1), "seeds are 32 bits wide"
    assert (asked.width, asked.height) == job.request.dimensions()
    assert call.cost == Money.exactly("0")
