"""The table of faults names every fault, and only tests that there are."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
UNTESTED = "not tested yet: "


def rows() -> Iterator[tuple[str, list[str]]]:
    """The number of each fault and all cells of its row."""
    for line in (ROOT / "docs" / "faults.md").read_text("utf-8").splitlines():
        if re.match(r"\| F\d", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            yield cells[0], cells


ROWS = list(rows())


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in tree.body if isinstance(node, functions))


def test_every_fault_has_its_row() -> None:
    assert [fault for fault, _ in ROWS] == [f"F{number}" for number in range(1, 37)]


@pytest.mark.parametrize(("fault", "cells"), ROWS, ids=[fault for fault, _ in ROWS])
def test_a_row_names_tests_that_there_are_or_says_that_there_are_none(
    fault: str, cells: list[str]
) -> None:
    assert len(cells) == 5, "a fault, its words, how, what is promised, tests"
    named = TEST.findall(cells[-1])
    assert cells[-1].count("::") == len(named), "a name that is not written as path::test_name"
    assert named or cells[-1].startswith(UNTESTED)
    for path, name in named:
        assert name.startswith("test_")
        assert name in functions_of(path), f"{fault}: {path} has no {name}"
