"""Tables as they come out of a terminal."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from atelier_cli.render import dry_run_table, images_table, job_sheet, jobs_table
from atelier_client import DryRun, Image, Job

NOW = datetime(2026, 1, 5, 11, tzinfo=UTC)
ID = "0194abcd-0000-7000-8000-{:012d}"
HOSTILE = [
    "a red fox",
    "\x1b]0;owned\x07\x1b[2J[bold red]markup[/] [link=http://x]y[/link] :smile:",
    "日本語" * 100,
    "👨\u200d👩\u200d👧" * 40,
    "\u202egnp.exe" + "x" * 4000,
    "מבחן " * 50,
    "",
    "../../etc/passwd\r\n\tx",
]


def job(index: int, prompt: str, status: str = "succeeded") -> Job:
    image = {
        "id": ID.format(900 + index),
        "job_id": ID.format(index),
        "index": 0,
        "seed": 0,
        "width": 1024,
        "height": 768,
        "content_type": "image/png",
        "bytes": 123456,
        "content_url": "/x",
        "created_at": "2026-01-05T10:00:00Z",
        "prompt": prompt,
    }
    attempt = {
        "id": "a",
        "provider": "demo",
        "model": "demo/painter",
        "outcome": "failed",
        "error": {"code": "provider_timeout", "detail": prompt},
        "started_at": "2026-01-05T10:00:00Z",
        "finished_at": "2026-01-05T10:00:01Z",
        "cost": {"amount": None, "status": "unknown"},
    }
    raw = {
        "id": ID.format(index),
        "status": status,
        "done": True,
        "version": 3,
        "request": {"prompt": prompt, "n": 1, "style": prompt},
        "images": [image],
        "attempts": [attempt],
        "error": {"code": "x", "detail": prompt},
        "created_at": "2026-01-05T10:00:00Z",
        "finished_at": "2026-01-05T10:00:07Z",
    }
    return Job.of(raw, None)


def printed(renderable: Any, *, width: int = 80, colour: bool = False) -> str:
    console = Console(
        width=width,
        markup=False,
        highlight=False,
        emoji=False,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
        record=True,
        file=__import__("io").StringIO(),
    )
    console.print(renderable, crop=False)
    return console.export_text(styles=colour)


@pytest.mark.parametrize("prompt", HOSTILE, ids=lambda p: ascii(p[:12]))
def test_a_table_in_80_columns(prompt: str) -> None:
    jobs = [job(1, "short"), job(2, prompt, "partially_succeeded")]
    for text in (
        printed(jobs_table(jobs, now=NOW)),
        printed(images_table([i for j in jobs for i in j.images], now=NOW)),
    ):
        lines = text.splitlines()
        assert len(lines) == 3
        assert all(cell_len(line) <= 80 for line in lines)
        assert lines[1].startswith(ID.format(1)) or lines[1].startswith(ID.format(901))
        assert lines[1].index("short") == lines[0].index("PROMPT")
        assert not any(c in text for c in "\x1b\x07\u202e\r")


@pytest.mark.parametrize("prompt", HOSTILE, ids=lambda p: ascii(p[:12]))
def test_a_sheet_says_everything_and_obeys_nothing(prompt: str) -> None:
    text = printed(job_sheet(job(1, prompt)))
    assert ID.format(1) in text
    assert ID.format(901) in text
    assert not any(c in text for c in "\x1b\x07\u202e\r")


def test_markup_is_text() -> None:
    text = printed(jobs_table([job(1, "[b]x[/b] :fox:")], now=NOW))
    assert "[b]x[/b] :fox:" in text


def test_unknown_is_not_zero() -> None:
    text = printed(job_sheet(job(1, "x")))
    assert "unknown" in text
    assert "nothing" not in text


def test_a_dry_run() -> None:
    link = {
        "provider": "demo",
        "model": "painter",
        "calls": 2,
        "prompt_as_sent": "a\x1bfox",
        "cost": {"min": "0.02", "max": "0.04", "currency": "USD"},
    }
    raw = {
        "jobs": [{"index": 0, "chain": [link], "warnings": [{"detail": "no seed"}]}],
        "cost": {"min": "0.04", "max": "0.04", "currency": "USD"},
    }
    text = printed(dry_run_table(DryRun.of(raw, None)))
    assert "0.02-0.04 USD" in text
    assert "a\\x1bfox" in text
    assert "Warning: no seed" in text
    assert "1 job, cost 0.04 USD. Nothing was queued." in text


def test_an_image_outside_the_gallery_has_no_prompt() -> None:
    raw = {**job(1, "x").images[0].raw}
    del raw["prompt"]
    assert "IMAGE" not in printed(images_table([Image.of(raw, None)], now=NOW))
