"""Tables as they come out of a terminal."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from atelier_cli.plan import dry_run_table
from atelier_cli.render import image_sheet, images_table, job_sheet, jobs_table
from atelier_cli.session import lines_of
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
        "model": "demo/painter",
        "sha256": "f" * 64,
    }
    attempt = {
        "id": "a",
        "provider": "demo",
        "model": "demo/painter",
        "outcome": "failed",
        "error": {"code": "provider_timeout", "detail": prompt},
        "started_at": "2026-01-05T10:00:00Z",
        "finished_at": "2026-01-05T10:00:01Z",
        "http_status": 504,
        "provider_request_id": "req_1",
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


@pytest.mark.parametrize("colour", [False, True])
def test_in_a_narrow_window_only_what_holds_an_id_is_wider(colour: bool) -> None:
    console = Console(width=60, markup=False, force_terminal=colour, color_system="standard")
    lines = list(lines_of(job_sheet(job(1, "many words " * 9)), console))
    bare = [Text.from_ansi(line).plain for line in lines]
    assert [line for line in bare if line.endswith(" ")] == []
    wide = [line for line in bare if cell_len(line) > 60]
    assert [line for line in wide if ID.format(901) not in line and "SEED" not in line] == []
    image = job(1, "a fox").images[0]
    assert any(line.endswith(image.sha256) for line in lines_of(image_sheet(image), console))


def test_an_attempt_is_told_whole_in_any_width() -> None:
    for width in (40, 80, 200):
        _, _, attempt = printed(job_sheet(job(1, "no answer")), width=width).partition("Attempt 1")
        assert all(cell_len(line) <= width for line in attempt.splitlines())
        told = " ".join(attempt.split())
        assert told.startswith("demo/painter failed at ")
        assert "took 1.0 s, HTTP 504, cost unknown no answer (provider_timeout)" in told
        assert told.endswith("request req_1")


def test_markup_is_text() -> None:
    text = printed(jobs_table([job(1, "[b]x[/b] :fox:")], now=NOW))
    assert "[b]x[/b] :fox:" in text


def test_unknown_is_not_zero() -> None:
    text = printed(job_sheet(job(1, "x")))
    assert "unknown" in text
    assert "nothing" not in text


def link(model: str, low: str | None, high: str | None, **more: Any) -> dict[str, Any]:
    status = "unknown" if high is None else more.pop("status", "exact")
    cost = {"min": low, "max": high, "currency": "USD", "status": status}
    known = {"provider": model.partition("/")[0], "model": model, "calls": 2, "ignored": []}
    return {**known, "prompt_as_sent": "a fox", "cost": cost, **more}


def planned(*jobs: dict[str, Any], low: str | None, high: str | None) -> str:
    numbered = [{"index": i, "request": {"prompt": "a fox"}, **j} for i, j in enumerate(jobs)]
    raw = {"jobs": numbered, "cost": {"min": low, "max": high, "currency": "USD"}}
    return printed(dry_run_table(DryRun.of(raw, None)))


def test_a_dry_run_shows_who_is_asked_in_turn() -> None:
    longest = "huggingface/black-forest-labs/FLUX.1-schnell"
    chain = [
        link("replicate/flux-dev", "0.05", "0.05", prompt_as_sent="a\x1bfox, in ink"),
        link("openai/gpt-image-2", "0.012", "0.422", status="estimated", ignored=["seed"]),
        link(longest, None, None, ignored=["seed", "steps"]),
    ]
    warning = {"code": "x", "pointer": "/quality", "detail": "Flux does not know this."}
    text = planned({"chain": chain, "warnings": [warning]}, low=None, high=None)
    lines = text.splitlines()
    assert lines[0].split() == ["ASKED", "IN", "TURN", "CALLS", "USD", "WITHOUT"]
    assert lines[1].split() == ["replicate/flux-dev", "2", "0.05"]
    assert lines[2].split() == ["openai/gpt-image-2", "2", "~0.012-0.422", "seed"]
    assert lines[3].split() == [longest, "2", "unknown", "seed,", "steps"]
    assert all(cell_len(line) <= 80 for line in lines)
    assert "Warning: quality: Flux does not know this." in lines
    assert "Prompt as sent: a\\x1bfox, in ink" in lines
    assert lines[-1] == "1 job, cost unknown. Nothing was queued."


def test_a_dry_run_of_many_tells_the_same_story_once() -> None:
    cheap, dear = link("a/b", "0.01", "0.01"), link("c/d", "0", "0")
    jobs = [*[{"chain": [cheap, dear]}] * 3, {"chain": [dear]}]
    text = planned(*jobs, low="0.03", high="0.06")
    rows = [line.split()[:2] for line in text.splitlines()[1:4]]
    assert rows == [["1-3", "a/b"], ["c/d", "2"], ["4", "c/d"]]
    assert "4 jobs, cost 0.03-0.06 USD, the most if the dearest has to be asked twice." in text


def test_an_image_outside_the_gallery_has_no_prompt() -> None:
    raw = {**job(1, "x").images[0].raw}
    del raw["prompt"]
    assert "IMAGE" not in printed(images_table([Image.of(raw, None)], now=NOW))
