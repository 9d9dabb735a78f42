"""`atelier providers check` as a process: the environment of a worker in, findings out."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import fakes.openai
from fakes.a1111 import FakeA1111
from fakes.comfyui import FakeComfyUI
from fakes.kit import FakeVendor, Trouble, listening
from fakes.openai import FakeCompatible, FakeOpenAI
from platforms import BIN, clean_environment
from ports import free_port

pytestmark = pytest.mark.anyio

KEY = fakes.openai.KEY
WRONG = "sk-Wrong.31337"


class Run:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**clean_environment(), "COLUMNS": "200"}
        self.status: int | None = None
        self.out = self.err = ""

    async def __call__(self, *args: str, **env: str) -> list[dict[str, Any]]:
        process = await asyncio.create_subprocess_exec(
            *(BIN / "atelier", "providers", "check", *args),
            cwd=self.folder,
            env={**self.env, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(40):
            out, err = await process.communicate()
        self.status, self.out, self.err = process.returncode, out.decode(), err.decode()
        assert "Traceback" not in self.err
        for secret in (KEY, WRONG, "hidden"):
            assert secret not in self.out + self.err
        if "--json" not in args or not out:
            return []
        found = json.loads(out)
        assert found["object"] == "list"
        items: list[dict[str, Any]] = found["items"]
        return items


@pytest.fixture
def check(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.fixture
async def vendors(check: Run) -> AsyncIterator[dict[str, FakeVendor]]:
    """Four that can be set up by address, all set up in the environment of `check`."""
    compatible = FakeCompatible()
    compatible.needs_key = True
    made = {
        "openai": FakeOpenAI(),
        "compatible": compatible,
        "a1111": FakeA1111(),
        "comfyui": FakeComfyUI(),
    }
    async with AsyncExitStack() as stack:
        for fake in made.values():
            await stack.enter_async_context(listening(fake))
        check.env |= {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": f"{made['openai'].url}/v1",
            "COMPATIBLE_URL": compatible.url,
            "COMPATIBLE_API_KEY": KEY,
            "A1111_URL": made["a1111"].url,
            "COMFYUI_URL": made["comfyui"].url,
        }
        yield made
    assert not any(fake.paid for fake in made.values())


async def test_all_that_is_set_up_is_checked(check: Run, vendors: dict[str, FakeVendor]) -> None:
    found = await check("--json")
    assert check.status == 0
    assert {one["id"]: one["result"] for one in found} == dict.fromkeys(
        ("demo", "openai", "compatible", "a1111", "comfyui"), "works"
    )
    first = found[1]
    assert set(first) == {
        *("object", "id", "result", "detail", "error", "http_status", "retry_after")
    }
    assert (first["object"], first["error"]) == ("provider_check", None)
    assert all(len(fake.seen) == 1 for fake in vendors.values())


async def test_the_worst_makes_the_status(check: Run, vendors: dict[str, FakeVendor]) -> None:
    vendors["a1111"].trouble("models", Trouble(status=429, headers={"retry-after": "9"}))
    found = {one["id"]: one for one in await check("--json", OPENAI_API_KEY=WRONG)}
    assert check.status == 1
    assert found["openai"]["error"] == "provider_auth"
    assert (found["openai"]["result"], found["openai"]["http_status"]) == ("refused", 401)
    assert (found["a1111"]["result"], found["a1111"]["retry_after"]) == ("limited", 9.0)
    away = {"COMFYUI_URL": f"http://127.0.0.1:{free_port()}"}
    await check("comfyui", "openai", OPENAI_API_KEY=WRONG, **away)
    assert check.status == 3
    assert [line.split()[0] for line in check.out.splitlines()[1:]] == ["comfyui", "openai"]
    assert "comfyui   not reachable  The provider cannot be reached." in check.out
    assert "openai    key refused" in check.out


async def test_a_name_is_checked_before_it_is_switched_on(
    check: Run, vendors: dict[str, FakeVendor]
) -> None:
    only = {"ATELIER_PROVIDERS": "demo,a1111"}
    assert [one["id"] for one in await check("--json", **only)] == ["demo", "a1111"]
    found = await check("openai", "openai", "--json", **only)
    assert [one["id"] for one in found] == ["openai"]
    assert (check.status, vendors["openai"].seen) == (0, ["models"])


async def test_settings_come_from_files_too(check: Run, vendors: dict[str, FakeVendor]) -> None:
    del check.env["OPENAI_API_KEY"]
    (check.folder / ".env").write_text(f"OPENAI_API_KEY={KEY}\n")
    assert (await check("openai", "--json"))[0]["result"] == "works"
    (check.folder / ".env").write_text("")
    (check.folder / "key").write_text(f"{KEY}\n")
    found = await check("openai", "--json", OPENAI_API_KEY_FILE=str(check.folder / "key"))
    assert found[0]["result"] == "works"


@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        (["dalle"], {}, "This command names 'dalle'; there are: demo, openai, "),
        (["fal"], {}, "This command names 'fal', and FAL_KEY is missing."),
        ([], {"ATELIER_PROVIDERS": "fal"}, "ATELIER_PROVIDERS names 'fal', and FAL_KEY is missing"),
        ([], {"OPENAI_API_KEY": f"{WRONG}\n2"}, "OPENAI_API_KEY is wrong"),
        ([], {"COMFYUI_URL": "http://me:hidden@host"}, "COMFYUI_URL is wrong"),
        ([], {"FAL_KEY": "a", "FAL_KEY_FILE": "/b"}, "FAL_KEY and FAL_KEY_FILE are both set"),
    ],
)
async def test_wrong_settings_are_2_and_a_sentence(
    check: Run, args: list[str], env: dict[str, str], said: str
) -> None:
    await check(*args, "--json", **env)
    assert (check.status, check.out) == (2, "")
    problem = json.loads(check.err)
    assert problem["code"] == "invalid_input"
    assert problem["detail"].startswith(said)
