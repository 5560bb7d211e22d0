"""``pyai-voice agents``: agent profiles of Omni."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import ConfigurationError
from .running import run
from .service import BaseUrl, Json, Limit, first, service

if TYPE_CHECKING:
    from ..rest.agents import AgentSettings

__all__ = ["agents"]

agents = typer.Typer(no_args_is_help=True, help="Keep agent profiles: what an Omni agent is, under an id.")

Agent = Annotated[str, typer.Argument(metavar="AGENT", help="Id of the agent.")]


@agents.command(name="list")
def list_(limit: Limit = 100, base_url: BaseUrl = None, as_json: Json = False) -> None:
    """List the agents.

    pyai-voice agents list
    """
    run(_list(limit, base_url, as_json))


@agents.command(no_args_is_help=True)
def show(agent: Agent, base_url: BaseUrl = None, as_json: Json = False) -> None:
    """Show everything that a profile says.

    pyai-voice agents show agent_123
    """
    run(_show(agent, base_url, as_json))


@agents.command(no_args_is_help=True)
def create(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    persona: Annotated[str | None, typer.Option(help="Who it is and what it does.")] = None,
    greeting: Annotated[str | None, typer.Option(help="What it says first.")] = None,
    voice: Annotated[str | None, typer.Option(help="Voice, as `pyai-voice voices` lists it.")] = None,
    language: Annotated[str | None, typer.Option(help="ISO 639-1 code.")] = None,
    settings: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON with any fields of a profile; the options go before it.")
    ] = None,
    base_url: BaseUrl = None,
    as_json: Json = False,
) -> None:
    """Make an agent and print its id, which a session names as its label.

    pyai-voice agents create "Front desk" --greeting "Good morning." --persona "You answer the phone."

    pyai-voice agents create "Front desk" --settings desk.json
    """
    said = {"persona": persona, "greeting": greeting, "voice_id": voice, "language": language}
    run(_create(name, {key: value for key, value in said.items() if value is not None}, settings, base_url, as_json))


@agents.command(no_args_is_help=True)
def delete(
    agents: Annotated[list[str], typer.Argument(metavar="AGENT...", help="Ids of the agents.")],
    base_url: BaseUrl = None,
) -> None:
    """Delete agents.

    pyai-voice agents delete agent_123
    """
    run(_delete(agents, base_url))


async def _list(limit: int, base_url: str | None, as_json: bool) -> None:
    from .shown import print_records

    async with service(base_url) as client:
        found = await first(client.agents.list(), limit)
    columns = ("agent_id", "name", "voice_id", "language", "created_at")
    print_records(found, columns, as_json, "There are no agents; pyai-voice agents create makes one")


async def _show(agent: str, base_url: str | None, as_json: bool) -> None:
    from .shown import print_record

    async with service(base_url) as client:
        print_record(await client.agents.get(agent), as_json)


async def _create(name: str, said: dict[str, str], file: Path | None, base_url: str | None, as_json: bool) -> None:
    from .shown import print_record

    settings = _settings(said, file)
    async with service(base_url) as client:
        made = await client.agents.create(name, settings)
    if as_json:
        print_record(made, as_json)
    else:
        typer.echo(made.agent_id)


async def _delete(agents: list[str], base_url: str | None) -> None:
    async with service(base_url) as client:
        for agent in agents:
            await client.agents.delete(agent)
            typer.echo(f"deleted {agent}")


def _settings(said: dict[str, str], file: Path | None) -> AgentSettings:
    from ..rest.agents import AgentSettings

    fields: dict[str, Any] = {**(_read(file) if file else {}), **said}
    fields.pop("name", None)
    return AgentSettings(**fields)


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text("utf-8"))
    except OSError as error:
        complaint = error.strerror or type(error).__name__
    except ValueError as error:
        complaint = f"it is not JSON ({error})"
    else:
        if isinstance(value, dict):
            return cast("dict[str, Any]", value)
        complaint = "it is not a JSON object"
    raise ConfigurationError(f"Cannot read {file}: {complaint}", code="invalid_option", hint="Check --settings")
