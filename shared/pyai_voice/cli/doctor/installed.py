"""What is installed here, and which proxies the environment names."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from urllib.parse import urlsplit

from ..._version import __version__
from .finding import Finding, Status

__all__ = ["PLUGINS", "installed", "proxies"]

PLUGINS = {
    "pipecat-pyai": "pipecat-ai",
    "livekit-plugins-pyai": "livekit-agents",
    "vapi-pyai": "",
    "twilio-pyai": "",
    "openai-pyai": "",
}
"""Our packages and the frameworks that they plug into."""
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


def installed() -> Iterator[Finding]:
    """Find the versions of this package, of its plugins and of their frameworks."""
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("pyai-voice", Status.PASS, f"{__version__}, {python}")
    for plugin, framework in PLUGINS.items():
        here, there = _version(plugin), _version(framework)
        if here:
            yield _plugin(plugin, here, framework, there)
        elif there:
            said = f"{framework} {there} is here, its plugin is not"
            yield Finding(plugin, Status.SKIP, said, f"pip install {plugin}")


def _plugin(plugin: str, here: str, framework: str, there: str) -> Finding:
    if framework and not there:
        return Finding(plugin, Status.FAIL, f"{here}, but {framework} is not here", f"pip install {framework}")
    wanted = _pinned(plugin)
    if wanted not in ("", __version__):
        said = f"{here} is made for pyai-voice {wanted}, and this is {__version__}"
        return Finding(plugin, Status.FAIL, said, f"pip install --upgrade pyai-voice {plugin}")
    return Finding(plugin, Status.PASS, f"{here} with {framework} {there}" if framework else here)


def _version(package: str) -> str:
    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return ""


def _pinned(plugin: str) -> str:
    """Return the one version of pyai-voice that a plugin takes; empty where it takes several."""
    found = (re.match(r"pyai-voice(?:\[[^]]*\])?\s*==\s*([\w.]+)", each) for each in requires(plugin) or ())
    return next((match[1] for match in found if match), "")


def proxies() -> Finding:
    """Find the proxies that the environment names; their user names and passwords are not told."""
    named = {name: value for name in _PROXIES if (value := os.environ.get(name) or os.environ.get(name.lower()))}
    said = ", ".join(f"{name}={value if name == 'NO_PROXY' else _address(value)}" for name, value in named.items())
    return Finding("proxies", Status.PASS, said or "the environment names none")


def _address(proxy: str) -> str:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    except ValueError:
        return "(no address)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
