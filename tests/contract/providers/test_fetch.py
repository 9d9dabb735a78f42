"""The guarded fetcher: what a vendor's answer may make this machine do, and what not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from atelier_core.errors import SettingsError
from atelier_worker.ports import Fault, ProviderError
from atelier_worker.providers.checks import checked_key, checked_url
from atelier_worker.providers.fetch import MAX_BYTES, Fetcher
from atelier_worker.providers.guard import is_public, system_resolve

pytestmark = pytest.mark.anyio

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(
    handler: Handler, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.2)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def hello(_: web.Request) -> web.Response:
    return web.Response(body=b"hello")


async def refused(fetcher: Fetcher, url: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await fetcher.fetch(url)
    return caught.value


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("127.0.0.1", False),
        ("127.8.8.8", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::127.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:a9fe:a9fe", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2002:7f00:1::", False),
        ("2002:a9fe:a9fe::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x.png",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/x.png",
        "https://[::ffff:127.0.0.1]/x.png",
        "https://[::ffff:169.254.169.254]/x.png",
        "https://2130706433/x.png",  # 127.0.0.1 as one number
        "https://127.1/x.png",
        "https://0x7f.1/x.png",
        "https://localhost/x.png",
        "http://93.184.216.34/x.png",  # not https
        "ftp://93.184.216.34/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://user:secret@93.184.216.34/x.png",
        "https:///x.png",
        "https://93.184.216.34:99999/x.png",
        "//93.184.216.34/x.png",
        "/etc/passwd",
        "not an address",
        "",
        "https://93.184.216.34/" + "x" * 5000,
        "https://exa\nmple.com/\x00",
    ],
)
async def test_what_is_never_asked(url: str) -> None:
    async with asyncio.timeout(10), Fetcher.open() as fetcher:
        error = await refused(fetcher, url)
    assert error.fault is Fault.BAD_RESPONSE, error
    assert "secret" not in str(error)


async def test_the_operators_own_server_may_be_private() -> None:
    async with (
        serving(hello) as url,
        serving(hello) as other,
        Fetcher.open(trusted=[f"{url}/v1"]) as fetcher,
    ):
        assert await fetcher.fetch(f"{url}/x.png") == b"hello"
        assert (await refused(fetcher, f"{other}/x.png")).fault is Fault.BAD_RESPONSE


async def test_a_name_is_resolved_once_and_what_was_judged_is_connected_to() -> None:
    """DNS rebinding: the name is public when it is judged, and private a moment later."""
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]])

    async def resolve(host: str, _port: int) -> list[str]:
        assert host == "cdn.example"
        return next(answers)

    async def secret(_: web.Request) -> web.Response:
        return web.Response(body=b"the metadata of the house", headers={"connection": "close"})

    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=b"picture", headers={"connection": "close"})

    async with serving(picture, host="127.0.0.2") as good:
        port = int(good.rpartition(":")[2])
        async with (
            serving(secret, host="127.0.0.1", port=port),
            Fetcher.open(
                public=lambda address: address == "127.0.0.2", resolve=resolve, schemes=["http"]
            ) as fetcher,
        ):
            url = f"http://cdn.example:{port}/x.png"
            assert await fetcher.fetch(url) == b"picture"
            assert (await refused(fetcher, url)).fault is Fault.BAD_RESPONSE
            mixed = await refused(fetcher, url)
            assert (mixed.fault, mixed.detail) == (
                Fault.BAD_RESPONSE,
                "The picture's address is not public.",
            )
    with pytest.raises(StopIteration):
        next(answers)


@pytest.mark.parametrize(
    "target",
    [
        "https://10.0.0.1/x.png",
        "http://169.254.169.254/latest/meta-data/",
        "https://[::ffff:7f00:1]/",
        "//10.0.0.1/x.png",
        "file:///etc/passwd",
        "",
    ],
)
async def test_every_step_of_a_redirect_is_judged(target: str) -> None:
    asked = []

    async def away(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=302, headers={"location": target} if target else {})

    async with asyncio.timeout(10), serving(away) as url, Fetcher.open(trusted=[url]) as fetcher:
        assert (await refused(fetcher, f"{url}/x.png")).fault is Fault.BAD_RESPONSE
    assert asked == ["/x.png"] * (1 if target else 4)


async def test_redirects_are_followed_three_times() -> None:
    async def on(request: web.Request) -> web.Response:
        left = int(request.match_info["path"])
        if left:
            raise web.HTTPFound(f"/{left - 1}")
        return web.Response(body=b"here")

    async with serving(on) as url, Fetcher.open(trusted=[url]) as fetcher:
        assert await fetcher.fetch(f"{url}/3") == b"here"
        assert "without end" in (await refused(fetcher, f"{url}/4")).detail


async def test_what_is_too_large_is_not_read_to_the_end() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        if request.path == "/announced":
            response = web.StreamResponse(headers={"content-length": str(MAX_BYTES + 1)})
            await response.prepare(request)
            return response
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(2**20))
            sent += 2**20

    async with serving(endless) as url, Fetcher.open(trusted=[url]) as fetcher:
        for path in ("announced", "endless"):
            assert "too large" in (await refused(fetcher, f"{url}/{path}")).detail
    assert sent < MAX_BYTES + 16 * 2**20


async def test_a_slow_drip_ends() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.02)

    async with serving(drip) as url, Fetcher.open(trusted=[url], seconds=0.3) as fetcher:
        assert (await refused(fetcher, f"{url}/x.png")).fault is Fault.TIMEOUT


async def test_a_packed_answer_is_not_unpacked() -> None:
    async def packed(_: web.Request) -> web.Response:
        return web.Response(body=b"x", headers={"content-encoding": "gzip"})

    async with serving(packed) as url, Fetcher.open(trusted=[url]) as fetcher:
        assert (await refused(fetcher, f"{url}/x.png")).fault is Fault.BAD_RESPONSE


@pytest.mark.parametrize(
    ("status", "fault", "asked"),
    [
        (404, Fault.BAD_RESPONSE, 1),
        (403, Fault.BAD_RESPONSE, 1),
        (410, Fault.BAD_RESPONSE, 1),
        (204, Fault.BAD_RESPONSE, 1),
        (429, Fault.TRANSPORT, 3),
        (503, Fault.TRANSPORT, 3),
    ],
)
async def test_what_may_come_later_is_asked_for_again(
    status: int, fault: Fault, asked: int
) -> None:
    count = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal count
        count += 1
        return web.Response(status=status)

    async with serving(answer) as url, Fetcher.open(trusted=[url], pauses=(0.0, 0.0)) as fetcher:
        assert (await refused(fetcher, f"{url}/x.png")).fault is fault
    assert count == asked


async def test_a_cut_picture_is_fetched_again() -> None:
    count = 0

    async def cut(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count > 1:
            return web.Response(body=b"whole")
        response = web.StreamResponse(headers={"content-length": "100"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport
        request.transport.abort()
        return response

    async with serving(cut) as url, Fetcher.open(trusted=[url], pauses=(0.0, 0.0)) as fetcher:
        assert await fetcher.fetch(f"{url}/x.png") == b"whole"


async def test_nobody_there_says_not_that_nothing_was_bought() -> None:
    async with Fetcher.open(trusted=["http://127.0.0.1:9"], pauses=(0.0, 0.0)) as fetcher:
        assert (await refused(fetcher, "http://127.0.0.1:9/x")).fault is Fault.TRANSPORT


async def test_a_name_without_address_is_trouble_on_the_way() -> None:
    async def nowhere(_host: str, _port: int) -> list[str]:
        raise OSError("no such name")

    async with Fetcher.open(resolve=nowhere, pauses=(0.0, 0.0)) as fetcher:
        assert (await refused(fetcher, "https://cdn.example/x")).fault is Fault.TRANSPORT


async def test_no_key_and_no_cookie_goes_along() -> None:
    seen: list[dict[str, str]] = []

    async def look(request: web.Request) -> web.Response:
        seen.append(dict(request.headers))
        return web.Response(body=b"x", headers={"set-cookie": "a=b"})

    async with serving(look) as url, Fetcher.open(trusted=[url]) as fetcher:
        await fetcher.fetch(f"{url}/x")
        await fetcher.fetch(f"{url}/x")
    for headers in seen:
        assert not {"Authorization", "Cookie", "Referer"} & set(headers)
        assert headers["User-Agent"] == "atelier"


async def test_the_machine_knows_itself() -> None:
    assert "127.0.0.1" in await system_resolve("localhost", 80)


# What an operator set.


@pytest.mark.parametrize("key", ["", "sk-a b", "sk-a\nX-Evil: 1", "sk-a\r", "schlüssel", "sk\x00"])
def test_a_key_that_cannot_stand_in_a_header_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match=r"^A_KEY is wrong") as caught:
        checked_key(key, name="A_KEY")
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:7860",
        "ftp://localhost",
        "http://",
        "http://user:secret@localhost:7860",
        "http://secret@localhost",
        "http://localhost:port",
        "http://[::1",
        "http://localhost/?key=secret",
    ],
)
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^A_URL is wrong") as caught:
        checked_url(url, name="A_URL")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_address_loses_its_last_slash() -> None:
    assert checked_url("http://[::1]:7860/sd/", name="A_URL") == "http://[::1]:7860/sd"
    assert checked_key("hf_x", name="A_KEY") == "hf_x"
