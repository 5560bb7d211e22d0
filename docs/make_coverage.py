"""Write ``docs/coverage.md``: every endpoint of the service, its call, whether the local server has it, and its tests.

``python -m docs.make_coverage`` writes the page, from the sources: what a resource asks for, what the local server
routes, what the tests call. ``tests/contract/test_coverage.py`` holds the page and the sources together.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from starlette.routing import Route, WebSocketRoute

from pyai_voice import Client, Endpoint
from pyai_voice.rest.resource import Resource
from pyai_voice.server.app import create_app

__all__ = ["CANONICAL", "PAGE", "Row", "page", "rows"]

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("coverage.md")
TESTS = ROOT / "tests"

CANONICAL = frozenset(
    " ".join(endpoint.split())
    for endpoint in """
    GET /v1/me, GET /v1/models, GET /v1/voices, GET /v1/voices/{}, POST /v1/audio/transcriptions,
    WS /v1/audio/transcriptions/stream, POST /v1/transcription/jobs, GET /v1/transcription/jobs,
    GET /v1/transcription/jobs/{}, POST /v1/audio/speech, GET /v1/voice/clones, POST /v1/voice/clones,
    DELETE /v1/voice/clones/{}, POST /v1/voice/design, WS /v1/omni, WS /v1/realtime, WS /v2/omni/chat,
    POST /v1/omni/sessions, GET /v1/agents, POST /v1/agents, GET /v1/agents/{}, POST /v1/agents/{},
    DELETE /v1/agents/{}, PUT /v1/agents/{}/tools, GET /v1/tools, POST /v1/tools, GET /v1/trace/config,
    PUT /v1/trace/config, GET /v1/trace/rule-packs, POST /v1/trace/rule-packs, GET /v1/trace/rule-packs/{},
    GET /v1/trace/interactions, GET /v1/trace/interactions/{}, GET /v1/trace/violations, GET /v1/trace/findings,
    GET /v1/trace/exposure, GET /v1/recap/config, PUT /v1/recap/config, GET /v1/recap/crm-config,
    PUT /v1/recap/crm-config, GET /v1/recap/calls, GET /v1/recap/calls/{}, POST /v1/recap/calls/{},
    GET /v1/omni/calls, GET /v1/omni/calls/{}, WS /v1/amd/stream, GET /v1/amd/config, POST /v1/amd/config,
    GET /v1/amd/calls, GET /v1/amd/calls/{}, GET /v1/telephony/available, GET /v1/telephony/numbers,
    POST /v1/telephony/numbers, POST /v1/telephony/numbers/{}/assign, DELETE /v1/telephony/numbers/{},
    GET /v1/webhooks/signing-secret, POST /v1/sandbox/keys, GET /v1/providers/openrouter/models
    """.split(",")
)
"""What PyAI's documents list; ``{}`` stands for an id."""

_STREAMS = {
    "POST /v1/audio/speech": ("speak", ("contract/test_speak_and_rest.py", "core/test_speak.py")),
    "WS /v1/audio/transcriptions/stream": ("hear", ("core/test_hear_stream.py", "server/test_hear_stream.py")),
    "WS /v1/omni": ("omni", ("contract/test_platform.py", "core/test_omni_stream.py")),
    "WS /v1/amd/stream": ("detect", ("core/test_amd_stream.py", "server/test_amd_stream.py")),
    "WS /v2/omni/chat": ("", ("server/test_omni_native.py",)),
    "WS /v1/realtime": ("", ("server/test_openai_realtime_client.py",)),
}
"""What is more than a request and an answer: its call on Client, and its tests."""
_ELSEWHERE = {
    "WS /v2/omni/chat": "deprecated",
    "WS /v1/realtime": "OpenAI's client",
}
_VERBS = {"_read": "GET", "_list": "GET", "_upload": "POST", "_delete": "DELETE", "_transcribe": "POST"}
_METHODS = ("POST", "PUT", "DELETE")
_COMPUTED = {"voices.list": "GET /v1/voices"}
"""Paths that are not written where they are asked for."""


@dataclass(frozen=True)
class Row:
    """One endpoint."""

    endpoint: str
    """``GET /v1/agents/{}``."""
    call: str
    """``agents.get`` on a Client; empty: it is used in another way."""
    local: bool
    """Whether the local server has it."""
    tests: tuple[str, ...]
    """Files below ``tests/``."""


def rows() -> list[Row]:
    """Return all endpoints, sorted by path."""
    local, calls, tested = _local(), _calls(), _tested()
    found = [Row(endpoint, call, endpoint in local, tests) for endpoint, (call, tests) in _STREAMS.items()]
    found += [Row(endpoint, call, endpoint in local, _some(tested[call])) for call, endpoint in calls.items()]
    return sorted(found, key=lambda row: (_by_path(row.endpoint), row.call))


def page() -> str:
    """Return the page."""
    found = rows()
    known = {row.endpoint for row in found} | CANONICAL
    lines = [
        "# Every endpoint: its call, the local server, its tests",
        "",
        "Made by `python -m docs.make_coverage` from the sources; a test holds it to them. `client` is a",
        "`pyai_voice.Client`; what the local server has not, it answers with 404, and the client raises `NotDeployed`.",
        "",
        "| Endpoint | Call | Local server | Tests |",
        "|---|---|---|---|",
        *(_line(row) for row in found),
        "",
        "The local server also has, without a call here:",
        "",
        *(f"- `{endpoint}`" for endpoint in sorted(_local() - known, key=_by_path)),
    ]
    return "\n".join(lines) + "\n"


def _some(tests: set[str]) -> tuple[str, ...]:
    """Return one file of each folder: enough to find the rest."""
    return tuple(min(each) for _, each in groupby(sorted(tests), key=lambda test: test.partition("/")[0]))


def _by_path(endpoint: str) -> tuple[str, str]:
    verb, _, path = endpoint.partition(" ")
    return path, verb


def _line(row: Row) -> str:
    call = f"`client.{row.call}()`" if row.call else _ELSEWHERE.get(row.endpoint, "")
    tests = ", ".join(f"[{Path(test).stem}](../tests/{test})" for test in row.tests)
    return f"| `{row.endpoint.replace('{}', '{id}')}` | {call} | {'yes' if row.local else '404'} | {tests} |"


def _calls() -> dict[str, str]:
    """Return call -> endpoint for every method of every resource of a client."""
    client = Client(Endpoint.from_env("pyai_test_nobody"))
    found = {"me": "GET /v1/me"} | _COMPUTED
    for name, resource in _resources(client):
        for method, endpoint in _asked(type(resource)).items():
            found[f"{name}.{method}"] = endpoint
    return found


def _resources(owner: object, prefix: str = "") -> Iterator[tuple[str, Resource]]:
    for name, value in vars(owner).items():
        if isinstance(value, Resource):
            yield f"{prefix}{name}", value
            yield from _resources(value, f"{prefix}{name}.")


def _asked(kind: type[Resource]) -> dict[str, str]:
    """Return method -> endpoint for what a resource's source asks for."""
    module = ast.parse((ROOT / "shared" / Path(*kind.__module__.split("."))).with_suffix(".py").read_text("utf-8"))
    body = next(node for node in module.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    methods = [node for node in body.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = {
        method.name: next((each for node in ast.walk(method) if (each := _endpoint(node))), "") for method in methods
    }
    return {name: endpoint for name, endpoint in found.items() if endpoint and not name.startswith("_")}


def _endpoint(call: ast.AST) -> str:
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
        return ""
    texts = [str(each.value) for each in call.args if isinstance(each, ast.Constant)]
    path = next((text for text in texts if text.startswith("/")), "")
    verb = _VERBS.get(call.func.attr) or next((text for text in texts if text in _METHODS), "")
    return _named(verb, f"/v1{path}") if path and verb else ""


def _named(verb: str, path: str) -> str:
    return f"{verb} {re.sub('{[^}]*}', '{}', path)}"


def _local() -> frozenset[str]:
    """Return what the local server routes."""
    nothing = cast("Any", SimpleNamespace(signing=None))
    found: set[str] = set()
    for route in create_app(nothing, nothing, nothing, nothing).routes:
        if isinstance(route, WebSocketRoute) and not route.path.startswith("/{"):
            found.add(f"WS {route.path}")
        elif isinstance(route, Route):
            found |= {_named(verb, route.path) for verb in route.methods or () if verb != "HEAD"}
    upgrades = {endpoint.replace("WS", "GET", 1) for endpoint in found if endpoint.startswith("WS")}
    return frozenset(endpoint for endpoint in found - upgrades if " /v" in endpoint)


def _tested() -> dict[str, set[str]]:
    """Return call -> the files of tests that make it."""
    calls = sorted(_calls(), key=len, reverse=True)
    found: dict[str, set[str]] = defaultdict(set)
    for path in (*TESTS.glob("core/test_rest*.py"), *TESTS.glob("contract/test_*.py")):
        names = {
            ast.unparse(node)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute)
        }
        for name in names:
            if call := next((call for call in calls if name.endswith(f".{call}")), ""):
                found[call].add(path.relative_to(TESTS).as_posix())
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
