"""How a person finds things on the page."""

import re

from playwright.sync_api import Locator, Page


def prompt_box(page: Page, position: int | None = None) -> Locator:
    """The `position`-th prompt; the only one without a position."""
    boxes = page.get_by_role("textbox", name=re.compile(r"^Prompt( \d+)?$"))
    return boxes.nth((position or 1) - 1)


def cell(page: Page, prompt: str) -> Locator:
    """The pictures in the grid whose prompt has these words."""
    return page.get_by_role("gridcell", name=prompt)
