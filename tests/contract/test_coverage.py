"""The page that lists every endpoint says what is so."""

from __future__ import annotations

from docs.make_coverage import CANONICAL, PAGE, TESTS, page, rows


def test_the_page_is_as_the_sources_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m docs.make_coverage"


def test_every_endpoint_that_is_documented_is_there() -> None:
    assert {row.endpoint for row in rows()} >= CANONICAL


def test_every_endpoint_is_tested_with_the_local_server_where_that_has_it() -> None:
    for row in rows():
        assert row.tests and all((TESTS / test).exists() for test in row.tests), row
        assert not row.local or any(test.startswith(("contract/", "server/")) for test in row.tests), row
