"""What a service is made with, checked: Pipecat takes an argument of any name, and ignores those it does not know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from pipecat.services.settings import ServiceSettings

from pyai_voice.errors import ConfigurationError

__all__ = ["check_settings", "refuse_misplaced"]

_EVERYWHERE = frozenset({"extra", "language"})
"""Settings that tell nothing of a mistake: every service of Pipecat has them."""


def check_settings(service: str, given: object, kind: type[ServiceSettings], rest: Iterable[str]) -> None:
    """Raise ConfigurationError where ``given`` is something else, or a setting is in the ``rest`` of the names."""
    family = kind.__bases__[0]
    if given is not None and not isinstance(given, family):
        raise ConfigurationError(
            f"settings: not settings of this service, but {type(given).__name__}",
            code="invalid_option",
            hint=f"Pass settings={service}.Settings(...)",
        )
    names = {field.name for field in fields(kind)} - _EVERYWHERE
    refuse_misplaced(rest, names, f"settings={service}.Settings")


def refuse_misplaced(rest: Iterable[str], names: Iterable[str], place: str) -> None:
    """Raise ConfigurationError for the first of the ``rest`` that is one of the ``names``, which go into ``place``."""
    if misplaced := sorted(set(rest) & set(names)):
        raise ConfigurationError(
            f"{misplaced[0]}: not an argument of its own",
            code="invalid_option",
            hint=f"Pass {place}({misplaced[0]}=...)",
        )
