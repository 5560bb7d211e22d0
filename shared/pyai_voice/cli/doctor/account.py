"""Whose key it is, what it may do, and whether that is what the installed plugins need."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from ...errors import NotDeployed
from ...rest.account import Account
from .finding import Bench, Finding, Status

__all__ = ["NEEDS", "look"]

_BASIC = ("hear:stream", "speak:synthesize")
"""Without these no host has a conversation."""
NEEDS = {
    "pyai-voice": _BASIC,
    "pipecat-pyai": (*_BASIC, "omni:session", "amd:detect"),
    "livekit-plugins-pyai": (*_BASIC, "hear:transcribe", "omni:session", "amd:detect"),
    "vapi-pyai": _BASIC,
    "twilio-pyai": (*_BASIC, "omni:session", "amd:detect"),
    "openai-pyai": (*_BASIC, "hear:transcribe", "omni:session"),
}
"""Scopes that each package asks for when all of it is used."""
_SOON = timedelta(days=7)
_NEW_KEY = "Make a new key in the PyAI dashboard and set PYAI_API_KEY"


async def look(bench: Bench) -> None:
    """Ask ``/v1/me``. Raises PyAIError."""
    try:
        bench.account = await bench.client.me()
    except NotDeployed:
        said = "the service does not tell what this key may do"
        bench.tell(Finding("account", Status.WARN, said, "What the key lacks shows below, where it is used"))
        return
    bench.tell(_standing(bench.account))
    for package, scopes in NEEDS.items():
        if _installed(package):
            bench.tell(_scopes(bench.account, package, scopes))


def _standing(account: Account) -> Finding:
    kind = " ".join(filter(None, (account.plan, account.environment))) or "some"
    bad = {"key": account.status, "organisation": account.org_status}
    for what, status in bad.items():
        if status not in ("", "active"):
            return Finding("account", Status.FAIL, f"the {what} is {status}", _NEW_KEY)
    left = account.expires_at - datetime.now(UTC) if account.expires_at else None
    if left is not None and left < _SOON:
        gone = left < timedelta()
        said = "the key has expired" if gone else f"the key expires in {left.days} days and {left.seconds // 3600} h"
        return Finding("account", Status.FAIL if gone else Status.WARN, said, _NEW_KEY)
    if account.credit.gated and (account.credit.available_cents or 0) <= 0:
        return Finding("account", Status.FAIL, "there is no credit left", "Add credit in the PyAI dashboard")
    return Finding("account", Status.PASS, f"the key is good ({kind})")


def _scopes(account: Account, package: str, scopes: tuple[str, ...]) -> Finding:
    check = f"scopes for {package}"
    lacking = [scope for scope in scopes if not account.allows(scope)]
    if not lacking:
        return Finding(check, Status.PASS, ", ".join(scopes))
    status = Status.FAIL if set(lacking) & set(_BASIC) else Status.WARN
    return Finding(check, status, f"the key lacks {', '.join(lacking)}", "Give the key these scopes, or use another")


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
