"""What the server keeps between requests: keys, agents, tools, session tokens, call records and the like.

One embedded database (``state.sqlite3`` in the data folder, readable by its owner only; in memory without one). What a
method has returned is on the disk; what one organisation keeps, no other one sees: its ids are ``not_found`` for
everybody else.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

from .agents import Agents
from .amd import Amd
from .calls import Calls
from .clones import Clones
from .database import Database
from .jobs import Jobs
from .keys import Keys
from .recap import Recap
from .signing import Signing
from .tokens import SessionTokens
from .tools import Tools
from .trace import Trace
from .usage import Usage

__all__ = ["State"]


class State:
    """Every store of the server, over one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.keys = Keys(database)
        self.tools = Tools(database)
        self.agents = Agents(database, self.tools)
        self.tokens = SessionTokens(database)
        self.calls = Calls(database)
        self.amd = Amd(database)
        self.clones = Clones(database)
        self.jobs = Jobs(database)
        self.signing = Signing(database)
        self.trace = Trace(database)
        self.recap = Recap(database)
        self.usage = Usage(database)

    @classmethod
    async def open(cls, folder: Path | None = None) -> Self:
        """Open what is kept in a folder; None: in memory. Raises ServerError ``store_...`` as any method."""
        state = cls(await Database.open(folder))
        async with AsyncExitStack() as failed:
            failed.push_async_callback(state.aclose)
            await state.keys.load()
            await state.calls.recover()
            failed.pop_all()
        return state

    async def aclose(self) -> None:
        """Finish what was begun, and close."""
        await self.database.aclose()
