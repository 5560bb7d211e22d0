"""The way to the service: name, connection, TLS, clock."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urlsplit

from ...errors import RequestError
from ...exchange import NOT_PYAI
from ...http import tls_context
from ...network import environment_proxy
from .finding import Bench, Finding, Status, found_wrong

__all__ = ["look"]

_WARN_SKEW = 5.0
_WORST_SKEW = 240.0
"""Seconds; webhooks are believed for 300."""
_WARN_DAYS = 14
_CONNECT = 5.0
"""Seconds for one step."""
_REACH = "Check the network, PYAI_BASE_URL, and whether a firewall or a proxy is in between"
_START = "Start it with pyai-voice serve, and paste the line that it prints into this shell"
_CLOCK = "Set the clock of this machine (NTP)"


_Step = Callable[[], Awaitable[tuple[str, int | None]]]
"""Takes one step and returns what it has found, and for how many days that is good (None: for ever)."""


async def look(bench: Bench) -> None:
    """Look at each step by itself. Raises PyAIError where the service cannot be asked."""
    url = urlsplit(bench.endpoint.base_url)
    proxy = None if bench.endpoint.is_loopback() else environment_proxy(bench.endpoint.base_url)
    if proxy is not None:
        bench.tell(Finding("DNS, TLS", Status.SKIP, f"left to the proxy, {urlsplit(proxy).hostname}"))
    elif not await _reached(bench, str(url.hostname), url.port or (443 if url.scheme == "https" else 80), url.scheme):
        return
    await _clock(bench)


async def _reached(bench: Bench, host: str, port: int, scheme: str) -> bool:
    steps = {"DNS": partial(_resolve, host, port), "connection": partial(_connect, host, port, None)}
    if scheme == "https":
        steps["TLS"] = partial(_connect, host, port, await asyncio.to_thread(tls_context))
    for check, step in steps.items():
        finding = await _timed(check, step, _START if bench.endpoint.is_loopback() else _REACH)
        bench.tell(finding)
        if finding.status is Status.FAIL:
            return False
    if scheme != "https":
        bench.tell(Finding("TLS", Status.PASS, "none: the server is on this machine"))
    return True


async def _timed(check: str, step: _Step, remedy: str) -> Finding:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_CONNECT):
            said, days = await step()
    except TimeoutError:
        return Finding(check, Status.FAIL, f"nothing within {_CONNECT:g} s", remedy)
    except ssl.SSLCertVerificationError as error:
        hint = "Check PYAI_BASE_URL; for a private certificate authority set SSL_CERT_FILE"
        return Finding(check, Status.FAIL, f"the certificate is not trusted ({error.verify_message})", hint)
    except ssl.SSLError as error:
        hint = "Check PYAI_BASE_URL: the port, and whether it is http and not https"
        return Finding(check, Status.FAIL, f"what answers there speaks no TLS ({error.reason or error})", hint)
    except (OSError, UnicodeError) as error:
        return Finding(check, Status.FAIL, _reason(error), remedy)
    took = time.perf_counter() - began
    if days is not None and days <= _WARN_DAYS:
        return Finding(check, Status.WARN, said, "Ask PyAI, or whoever runs the server, to renew it", took)
    return Finding(check, Status.PASS, said, "", took)


def _reason(error: OSError | UnicodeError) -> str:
    """Return it in the system's words; asyncio's have the address once more, and not why."""
    number: int = getattr(error, "errno", None) or 0
    if number in errno.errorcode and not isinstance(error, socket.gaierror):
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error)


async def _resolve(host: str, port: int) -> tuple[str, int | None]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return f"{host} is {', '.join(addresses[:3])}", None
    return f"{host} is an address already", None


async def _connect(host: str, port: int, secure: ssl.SSLContext | None) -> tuple[str, int | None]:
    _, writer = await asyncio.open_connection(host, port, ssl=secure)
    try:
        if secure is None:
            return f"port {port} takes connections", None
        shield: ssl.SSLObject = writer.get_extra_info("ssl_object")
        days = _days_left(shield)
        return f"{shield.version()}, the certificate is good for {days} days", days
    finally:
        writer.transport.abort()


def _days_left(shield: ssl.SSLObject) -> int:
    certificate = shield.getpeercert() or {}
    return int((ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) // 86400)


async def _clock(bench: Bench) -> None:
    """Ask the service for something that any key gets, and compare its clock with ours."""
    began, sent = time.perf_counter(), time.time()
    try:
        reply = await bench.http.open("GET", "/models")
    except RequestError as error:
        bench.tell(replace(found_wrong("service", error), remedy=NOT_PYAI))
        return
    answered = time.time()
    (await reply.answer(10.0)).json()
    took = time.perf_counter() - began
    bench.tell(Finding("service", Status.PASS, f"{bench.endpoint.base_url} answers, connection included", "", took))
    bench.tell(_skew(reply.headers.get("date", ""), (sent + answered) / 2))


def _skew(date: str, now: float) -> Finding:
    try:
        there = parsedate_to_datetime(date).timestamp() + 0.5  # it has whole seconds
    except ValueError:
        return Finding("clock", Status.SKIP, "the service does not say what time it is")
    skew = now - there
    if abs(skew) <= _WARN_SKEW:
        return Finding("clock", Status.PASS, "agrees with the service's")
    status = Status.WARN if abs(skew) <= _WORST_SKEW else Status.FAIL
    said = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the service's"
    return Finding("clock", status, f"{said}: signatures and tokens are refused when it is far off", _CLOCK)
