"""What a stored picture says of itself."""

from typing import Any

import pytest

from atelier_core.adapters.memory_blobs import MemoryBlobStore
from atelier_core.contracts.catalogue import catalogue
from atelier_core.domain.outcome import image_key
from atelier_core.domain.request import AcceptedJob, ImageRequest
from atelier_core.domain.values import Money, new_id, now
from atelier_worker.orders import new_call
from atelier_worker.ports import Answer, Picture
from atelier_worker.provenance import read
from atelier_worker.providers.pictures import picture
from atelier_worker.storing import Storing
from atelier_worker.trouble import Trouble

pytestmark = pytest.mark.anyio

BOOK = catalogue()


async def no_sleep(_: float) -> None:
    """No time passes."""


@pytest.mark.parametrize(
    ("model", "parameters", "shown"),
    [
        ("comfyui/default", {"steps": 150, "guidance": 6.5}, "Steps: 150, CFG scale: 6.5, Seed: 7"),
        ("openai/gpt-image-2", {"quality": "high"}, "Quality: high"),
        ("demo/painter", {}, "\nSeed: 7"),
    ],
)
async def test_a_file_names_its_model_and_the_parameters_as_sent(
    model: str, parameters: dict[str, Any], shown: str
) -> None:
    request = ImageRequest(prompt="a fox", steps=400, guidance=6.5, quality="high")
    job = AcceptedJob(id=new_id(), owner="local", request=request, created_at=now())
    [entry] = BOOK.find(model)
    call = new_call(job, entry, BOOK, call_id=new_id(), indexes=(0,), at=now())
    drawn = Picture(index=0, data=picture(width=64, height=64, seed=7), seed=7)
    blobs = MemoryBlobStore()
    storing = Storing(blobs, book=BOOK, trouble=Trouble(sleep=no_sleep), clock=now)
    kept = await storing.keep(job, call, Answer(pictures=(drawn,), cost=Money.exactly("0")))
    data = (await blobs.get(image_key(kept.images[0]))).data
    found = read(data)
    assert found
    assert (found.model, found.parameters) == (model, parameters)
    assert shown.encode() in data, "for readers of A1111's form"
    assert f"<Iptc4xmpExt:AISystemUsed>{model}</".encode() in data
