"""A real Chromium on a real platform, and nothing it complains about goes unnoticed."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

import platforms
from platforms import Platform

CHROMIUM = os.environ.get("ATELIER_TEST_CHROMIUM") or shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 15_000  # milliseconds for anything a person would wait for
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""

expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")  # while it runs, Playwright's loop is in the way of all others
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing")
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    """Starts a platform of the test's own: `start()`, `start(ATELIER_API_KEY="…")`."""
    with ExitStack() as stack:

        def start(**env: str) -> Platform:
            folder = tmp_path / uuid4().hex
            folder.mkdir()
            return stack.enter_context(platforms.embedded(folder, env=env))

        yield start


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A platform that all tests share; each finds its own pictures by its own words."""
    with platforms.embedded(tmp_path_factory.mktemp("browser")) as platform:
        yield platform.origin


@pytest.fixture(scope="session")
def nothing_yet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A platform on which nobody has drawn anything."""
    with platforms.embedded(tmp_path_factory.mktemp("nothing")) as platform:
        yield platform.origin


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A platform that wants a key."""
    env = {"ATELIER_API_KEY": "a-key-that-nobody-is-told"}
    with platforms.embedded(tmp_path_factory.mktemp("locked"), env=env) as platform:
        yield platform.origin


@dataclass
class Watch:
    """What a page did that none may: complain, break its policy, talk to somebody else."""

    origin: str
    found: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """A complaint the test provokes, such as a connection that it cuts."""
        self.allowed.append(pattern)

    def attach(self, page: Page) -> None:
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.found.append(f"uncaught: {error}"))
        page.on("request", self.request)

    def console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "blob" and f"{parts.scheme}://{parts.netloc}" != self.origin:
            self.found.append(f"foreign request: {request.url}")

    def complaints(self) -> list[str]:
        return [
            found
            for found in self.found
            if not any(re.search(pattern, found) for pattern in self.allowed)
        ]


@dataclass
class Visit:
    page: Page
    watch: Watch


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a page in a browser of its own; at the end nobody may have complained."""
    visits: list[Visit] = []

    def visit(
        origin: str,
        path: str = "/",
        *,
        width: int = 1440,
        height: int = 900,
        theme: Literal["light", "dark"] = "light",
        go: bool = True,
    ) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            base_url=origin,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        visits.append(Visit(page, Watch(origin)))
        visits[-1].watch.attach(page)
        if go:
            page.goto(path)
        return visits[-1]

    yield visit
    complaints = [complaint for each in visits for complaint in each.watch.complaints()]
    for each in visits:
        each.page.context.close()
    assert complaints == []


def drawn(origin: str, *prompts: str, n: int = 1) -> list[str]:
    """Has `prompts` drawn through the API and returns the ids of the pictures, oldest first."""
    ids: list[str] = []
    with httpx.Client(base_url=origin, timeout=60) as http:
        for prompt in prompts:
            answer = http.post(
                "/v1/jobs",
                json={"prompt": prompt, "n": n, "size": "512x512"},
                headers={"Prefer": "wait=30", "Idempotency-Key": uuid4().hex},
            )
            job = answer.json()
            assert answer.status_code == 200, job
            ids += [image["id"] for image in job["images"]]
        for image in ids:
            until_listed(http, image)
    return ids


@pytest.fixture(scope="session")
def draw() -> Callable[..., list[str]]:
    return drawn


def until_listed(http: httpx.Client, image: str) -> None:
    """The picture's own document follows the job by a moment."""
    for _ in range(100):
        if http.get(f"/v1/images/{image}").status_code == 200:
            return
    raise AssertionError(f"{image} never came")
