"""What a check has found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from ...client import Client
from ...errors import Category, NotDeployed, PyAIError, UnsupportedError
from ...http import HttpClient
from ...options import Endpoint
from ...rest.account import Account

__all__ = ["Bench", "Finding", "Look", "Status", "found_wrong", "worst"]


class Status(StrEnum):
    """How it is, best first."""

    PASS = "pass"
    SKIP = "skip"
    """Not tried, and the finding says why."""
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    check: str
    status: Status
    said: str
    """What was found."""
    remedy: str = ""
    seconds: float | None = None
    """How long it took."""


@dataclass
class Bench:
    """What the checks share: the service, where findings go, and what one check leaves for the next."""

    endpoint: Endpoint
    client: Client
    http: HttpClient
    """Of a pool of its own: its first request opens a connection."""
    report: Callable[[Finding], None]
    account: Account | None = None
    """None where the service does not say."""
    speech: dict[int, bytes] = field(default_factory=dict[int, bytes])
    """Rate -> a spoken sentence."""
    failures: int = 0
    """How many findings so far say that something is wrong."""

    def tell(self, finding: Finding) -> None:
        """Add a line to the report."""
        self.failures += finding.status is Status.FAIL
        self.report(finding)

    def may(self, check: str, scope: str) -> bool:
        """Tell whether the key may do something, as far as is known; where not, say that it is not tried."""
        allowed = self.account is None or self.account.allows(scope)
        if not allowed:
            self.tell(Finding(check, Status.SKIP, f"not tried: the key lacks {scope}"))
        return allowed


Look = Callable[[Bench], Awaitable[None]]
"""Looks at one thing and tells what it finds. Raises PyAIError for what cannot be done at all."""


def found_wrong(check: str, error: PyAIError) -> Finding:
    """Return the finding for an error; what a service does not offer need not be wrong."""
    lacking = isinstance(error, NotDeployed | UnsupportedError)
    tags = ", ".join(filter(None, (str(error.status or ""), error.code)))
    said = f"{error.message} ({tags})" if tags else error.message
    return Finding(check, Status.WARN if lacking else Status.FAIL, said, error.hint or _REMEDIES[error.category])


_REMEDIES = {
    Category.CONFIGURATION: "Check PYAI_API_KEY and PYAI_BASE_URL",
    Category.CONNECTIVITY: "Check the network, and whether a firewall or a proxy is in between; then try again",
    Category.PROTOCOL: "Check PYAI_BASE_URL: this may not be a PyAI server",
    Category.SERVER: "The service is in trouble: try again, then ask PyAI's support",
} | dict.fromkeys(
    (Category.AUTHENTICATION, Category.PERMISSION, Category.BILLING, Category.REQUEST, Category.RATE_LIMIT),
    "Ask PyAI's support",
)
"""For errors that name none themselves."""


def worst(findings: Iterable[Finding]) -> Status:
    """Return how it is on the whole; what was not tried does not count."""
    ranks = {Status.PASS: 0, Status.SKIP: 0, Status.WARN: 1, Status.FAIL: 2}
    return max((each.status for each in findings if ranks[each.status]), key=ranks.__getitem__, default=Status.PASS)
