"""Lists of the service, page by page."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Self, TypeVar

from ..errors import ProtocolError

__all__ = ["Fetch", "Pages"]

Item = TypeVar("Item")

Fetch = Callable[["str | None"], Awaitable["tuple[list[Item], str | None]"]]
"""Returns the items at a cursor (None: the first ones), and the next cursor (None: that was all)."""


class Pages(Generic[Item]):
    """The items of a list, in the service's order: ``async for item in pages``. Iterate it once.

    A page is asked for when its first item is wanted, so leaving the loop early asks for no more. Cancelled while a
    page is on its way, it asks again. Raises PyAIError.
    """

    def __init__(self, fetch: Fetch[Item], cursor: str | None) -> None:
        self.cursor = cursor
        """Where the page after the last one that came begins: ``list(cursor=...)`` goes on there. None at the end."""
        self._fetch = fetch
        self._items: deque[Item] = deque()
        self._seen = {cursor}
        self._more = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        """Return the next item."""
        while not self._items and self._more:
            await self._turn()
        if not self._items:
            raise StopAsyncIteration
        return self._items.popleft()

    async def _turn(self) -> None:
        items, cursor = await self._fetch(self.cursor)
        self._more = cursor is not None
        if self._more and cursor in self._seen:
            raise ProtocolError("The list does not end: the server gave the same cursor twice")
        self._seen.add(cursor)
        self._items.extend(items)
        self.cursor = cursor
