"""Providers as they are shown, and the status that a check makes."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from atelier_cli.failures import Exit
from atelier_cli.vendors import findings_table, providers_table, verdict
from atelier_client.values import Provider
from atelier_worker.checking import Finding, Result

NOW = datetime(2026, 1, 5, 11, tzinfo=UTC)


def provider(name: str, **more: Any) -> Provider:
    plain = {"id": name, "available": True, "state": "healthy", "workers": 2, "limit": 40}
    return Provider.model_validate(plain | {"models": ["a", "b"]} | more)


PROVIDERS = [
    provider("openai"),
    provider(
        "huggingface",
        state="unhealthy",
        error="provider_auth",
        until=NOW + timedelta(seconds=249),
        limit=None,
    ),
    provider("comfyui", state="limited", error="provider_odd\x1b_one", until=NOW),
    provider("fal", state="off", workers=0, limit=None),
    provider("gemini", state="unknown"),
    provider("stability", state="on_fire", until=NOW + timedelta(seconds=3)),
    provider(
        "replicate",
        unhealthy_models=[
            {"id": "replicate/acme/flux", "error": "provider_model_unavailable"},
            {"id": "replicate/sd\x1b", "error": "provider_auth", "until": NOW},
        ],
    ),
]


def printed(renderable: Any, width: int) -> list[str]:
    console = Console(width=width, file=StringIO(), record=True, markup=False)
    console.print(renderable, crop=False)
    return console.export_text().splitlines()


def test_providers_in_a_wide_window() -> None:
    lines = printed(providers_table(PROVIDERS, now=NOW, width=100), 100)
    assert [" ".join(line.split()) for line in lines] == [
        "PROVIDER STATE MODELS WORKERS CALLS WHY",
        "openai healthy 2 2 40",
        "huggingface unhealthy 2 2 - refuses the key, tried again in 4 min 9 s",
        "comfyui limited 2 2 40 odd\\x1b one, being tried again",
        "fal off 2 0 - no worker offers it",
        "gemini unknown 2 2 40 no worker was heard yet",
        "stability on fire 2 2 40 tried again in 3.0 s",
        "replicate healthy 2 2 40",
        "acme/flux: model unavailable",
        "sd\\x1b: refuses the key, being tried again",
    ]


@pytest.mark.parametrize("width", [36, 40, 63, 64, 80])
def test_providers_fit_the_window_and_lose_no_word(width: int) -> None:
    lines = printed(providers_table(PROVIDERS, now=NOW, width=width), width)
    assert all(cell_len(line) <= width for line in lines)
    said = " ".join(" ".join(lines).split())
    for word in ("refuses", "tried", "offers", "heard", "huggingface", "unhealthy"):
        assert word in said
    assert ("MODELS" in said) == (width >= 64)


FINDINGS = [
    Finding(provider="openai", result=Result.REFUSED, detail="The provider answered 401."),
    Finding(provider="huggingface", result=Result.NOT_CHECKABLE, detail="said. " * 5),
    Finding(provider="x", result=Result.WORKS, detail="\x1b]0;owned\x07[b]well[/b]"),
]


@pytest.mark.parametrize("width", [44, 80, 160])
def test_findings_fit_the_window_and_obey_nothing(width: int) -> None:
    lines = printed(findings_table(FINDINGS), width)
    assert all(cell_len(line) <= width for line in lines)
    text = "\n".join(lines)
    assert "key refused" in text
    assert "not checkable" in text
    assert text.count("said.") == 5
    assert not any(c in text for c in "\x1b\x07")


@pytest.mark.parametrize(
    ("results", "status"),
    [
        ([], Exit.FINE),
        ([Result.WORKS, Result.NOT_CHECKABLE], Exit.FINE),
        ([Result.NOT_CHECKABLE], Exit.FINE),
        ([Result.WORKS, Result.LIMITED], Exit.REFUSED),
        ([Result.REFUSED, Result.WORKS], Exit.REFUSED),
        ([Result.UNPAID], Exit.REFUSED),
        ([Result.UNUSABLE], Exit.REFUSED),
        ([Result.UNREACHABLE, Result.REFUSED], Exit.UNREACHABLE),
    ],
)
def test_the_status_of_a_check_is_the_worst(results: list[Result], status: Exit) -> None:
    assert verdict([Finding(provider="x", result=r, detail="") for r in results]) == status


def test_every_result_is_shown() -> None:
    findings = [Finding(provider=r.value, result=r, detail="x") for r in Result]
    assert len(printed(findings_table(findings), 100)) == len(findings) + 1


def test_without_what_talks_to_providers_it_is_a_sentence() -> None:
    code = "import sys; sys.modules['httpx_aiohttp'] = None; from atelier_cli.main import main;"
    done = subprocess.run(
        [sys.executable, "-c", f"{code} main()", "providers", "check"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: What talks to providers is not installed here")
    assert "pip install 'atelier-images[worker]'" in done.stderr
