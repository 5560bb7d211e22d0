"""Commands of other packages: ``pyai-voice NAME`` for every entry point NAME of the group ``pyai_voice.commands``.

An entry point names a Typer application. It is loaded when one of its commands is called, so that help stays quick, and
a package that is broken breaks nothing but its own commands.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import typer

from .running import complain

__all__ = ["GROUP", "add_plugins"]

GROUP = "pyai_voice.commands"
_EVERYTHING = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": ["--no-such-option"]}
"""For a command that hands on all its arguments, ``--help`` among them."""


def add_plugins(app: typer.Typer) -> None:
    """Add the commands of all packages that are installed."""
    for found in entry_points(group=GROUP):
        package = found.dist.name if found.dist else found.module
        app.command(found.name, help=f"Commands of {package}.", context_settings=_EVERYTHING, add_help_option=False)(
            _Plugin(found, package).run
        )


class _Plugin:
    """The commands of one package."""

    def __init__(self, found: EntryPoint, package: str) -> None:
        self._found = found
        self._package = package

    def run(self, context: typer.Context) -> None:
        """Hand the arguments on."""
        self._load()(args=context.args, prog_name=f"pyai-voice {self._found.name}")

    def _load(self) -> typer.Typer:
        try:
            return self._found.load()
        except Exception as error:  # noqa: BLE001 - somebody else's module: anything can be wrong with it
            complaint = f"the commands of {self._package} cannot be loaded: {type(error).__name__}: {error}"
        complain(complaint)
