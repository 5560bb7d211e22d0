"""The manifest and the tests agree, both ways."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from tests.contract.requirements import REQUIREMENTS

TESTS = Path(__file__).parent.parent


def marked_tests() -> dict[str, set[str]]:
    """Return statement id -> the tests that carry ``@pytest.mark.conforms(id)``."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for identifier in _marks(node):
                    found[identifier].add(f"{path.relative_to(TESTS).as_posix()}::{node.name}")
    return dict(found)


def _marks(test: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    return [
        str(argument.value)
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.conforms"
        for argument in mark.args
        if isinstance(argument, ast.Constant)
    ]


def test_every_statement_names_the_tests_that_show_it_and_no_others() -> None:
    listed = {requirement.id: set(requirement.tests) for requirement in REQUIREMENTS}
    assert len(listed) == len(REQUIREMENTS), "an id stands twice"
    assert marked_tests() == listed


def test_every_statement_is_a_sentence() -> None:
    assert all(requirement.sentence.endswith(".") for requirement in REQUIREMENTS)
    assert all(requirement.tests for requirement in REQUIREMENTS)
