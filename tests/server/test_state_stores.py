"""What the server's stores promise: kept, in order, one organisation's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from pyai_voice.errors import AuthenticationError, PermissionDeniedError, RequestError, ServerError
from pyai_voice.server.state import State
from pyai_voice.server.state.agents import AgentFields, Attached
from pyai_voice.server.state.calls import Spoken, ToolUse
from pyai_voice.server.state.collection import Collection
from pyai_voice.server.state.database import Database
from pyai_voice.server.state.tokens import SessionTokens
from pyai_voice.server.state.tools import ToolFields

ORG, OTHER = "org_one", "org_two"
PAGE = "https://shop.example"


class Note(BaseModel):
    text: str
    count: int = 0


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    opened = await Database.open()
    yield opened
    await opened.aclose()


@pytest.fixture
async def state() -> AsyncIterator[State]:
    opened = await State.open()
    yield opened
    await opened.aclose()


def notes(database: Database, most: int = 100, *, trim: bool = False) -> Collection[Note]:
    return Collection(database, "note", Note, most=most, trim=trim)


async def refused(work: Awaitable[object]) -> str:
    with pytest.raises(RequestError) as refusal:
        await work
    return refusal.value.code


async def test_a_list_comes_newest_first_and_in_parts(database: Database) -> None:
    kept = notes(database)
    for number in range(7):
        await kept.add(ORG, f"n{number}", Note(text=str(number)))
    seen: list[str] = []
    cursor = None
    for length in (3, 3, 1):
        page = await kept.page(ORG, 3, cursor)
        assert len(page.entries) == length
        seen += [note.text for note in page.entries]
        cursor = page.next_cursor
    assert cursor is None
    assert seen == list("6543210")
    assert (await kept.page(ORG, 7)).next_cursor is None


@pytest.mark.parametrize("cursor", ["x", "c0", "c-1", "c", "1", "é", "c" + "1" * 50, "c1 "])
async def test_a_cursor_that_is_none_is_refused(database: Database, cursor: str) -> None:
    assert await refused(notes(database).page(ORG, cursor=cursor)) == "invalid_request"


async def test_a_list_can_be_narrowed(database: Database) -> None:
    kept = notes(database)
    for number in range(4):
        await kept.add(ORG, f"n{number}", Note(text="even" if number % 2 == 0 else "odd", count=number))
    assert [note.count for note in (await kept.page(ORG, text="odd")).entries] == [3, 1]


async def test_another_organisation_sees_nothing(database: Database) -> None:
    kept = notes(database)
    await kept.add(ORG, "n", Note(text="mine"), b"data")
    await kept.add(OTHER, "n", Note(text="theirs"))
    assert (await kept.get(ORG, "n")).text == "mine"
    assert (await kept.page(OTHER)).entries == [Note(text="theirs")]
    assert await kept.data(ORG, "n") == b"data"
    assert await kept.data(OTHER, "n") == b""
    await kept.remove(OTHER, "n")
    for missing in (kept.get(OTHER, "n"), kept.remove(OTHER, "n"), kept.data(OTHER, "n")):
        assert await refused(missing) == "not_found"
    assert await kept.find(OTHER, "n") is None
    assert (await kept.all(ORG))[0].text == "mine"


async def test_changes_at_the_same_time_are_all_made(database: Database) -> None:
    kept = notes(database)
    await kept.add(ORG, "n", Note(text=""))
    count = 50
    await asyncio.gather(
        *(kept.change(ORG, "n", lambda note: note.model_copy(update={"count": note.count + 1})) for _ in range(count))
    )
    assert (await kept.get(ORG, "n")).count == count


async def test_a_change_that_fails_changes_nothing(database: Database) -> None:
    kept = notes(database)
    await kept.add(ORG, "n", Note(text="before"))

    def fail(note: Note) -> Note:
        raise ValueError(note.text)

    with pytest.raises(ValueError, match="before"):
        await kept.change(ORG, "n", fail)
    assert await kept.get(ORG, "n") == Note(text="before")


async def test_one_too_many_is_refused_or_takes_the_place_of_the_oldest(database: Database) -> None:
    kept = notes(database, most=2)
    await kept.add(ORG, "a", Note(text="a"))
    await kept.put(ORG, "b", Note(text="b"))
    assert await refused(kept.add(ORG, "c", Note(text="c"))) == "limit_reached"
    assert await refused(kept.put(ORG, "c", Note(text="c"))) == "limit_reached"
    await kept.put(ORG, "b", Note(text="again"))
    await kept.add(OTHER, "c", Note(text="c"))
    log = notes(database, most=2, trim=True)
    await log.add(ORG, "c", Note(text="c"))
    assert [note.text for note in await log.all(ORG)] == ["again", "c"]
    assert [note.text for note in await log.all(OTHER)] == ["c"]


async def test_a_file_that_is_none_of_ours_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    file.write_bytes(b"somebody's notes " * 100)
    with pytest.raises(ServerError) as refusal:
        await State.open(tmp_path)
    assert refusal.value.code == "store_corrupt"
    assert file.read_bytes().startswith(b"somebody's notes")


async def test_the_file_is_its_owners_only(tmp_path: Path) -> None:
    await (await State.open(tmp_path)).aclose()
    assert (tmp_path / "state.sqlite3").stat().st_mode & 0o777 == 0o600


async def test_an_agent_is_what_it_was_made_and_changed_to(tmp_path: Path) -> None:
    state = await State.open(tmp_path)
    made = await state.agents.create(ORG, AgentFields(name="Reception", persona="You are kind.", greeting="Hello."))
    changed = await state.agents.update(ORG, made.agent_id, {"greeting": None, "voice_id": "warm"})
    assert (changed.name, changed.persona, changed.greeting) == ("Reception", "You are kind.", None)
    await state.aclose()
    again = await State.open(tmp_path)
    assert await again.agents.get(ORG, made.agent_id) == changed
    assert await refused(again.agents.get(OTHER, made.agent_id)) == "not_found"
    await again.agents.remove(ORG, made.agent_id)
    assert (await again.agents.page(ORG)).entries == []
    await again.aclose()


async def test_calls_are_recorded_only_with_a_consent_line(state: State) -> None:
    with pytest.raises(ValidationError, match="consent line"):
        await state.agents.create(ORG, AgentFields(name="a", recordings_enabled=True))
    made = await state.agents.create(ORG, AgentFields(name="a", recordings_enabled=True, consent_line="Recorded."))
    with pytest.raises(ValidationError, match="consent line"):
        await state.agents.update(ORG, made.agent_id, {"consent_line": None})
    assert (await state.agents.get(ORG, made.agent_id)).consent_line == "Recorded."


async def test_a_profile_has_what_configure_needs(state: State) -> None:
    tool = await state.tools.create(ORG, ToolFields(name="look_up", webhook_url="https://tools.example/look"))
    made = await state.agents.create(ORG, AgentFields(name="a", persona="Be kind.", voice_id="warm", kb_token="secret"))
    attached = [
        Attached(tool_id=tool.tool_id),
        Attached(tool_id="end_call"),
        Attached(tool_id="datetime", enabled=False),
    ]
    await state.agents.attach(ORG, made.agent_id, attached)
    profile = await state.agents.profile(ORG, made.agent_id)
    assert profile is not None
    assert profile.fields["persona"] == "Be kind."
    assert profile.fields["voice_id"] == "warm"
    assert "greeting" not in profile.fields
    assert [each["name"] for each in profile.fields["tools"]] == ["look_up", "end_call"]
    assert profile.fields["tools"][0]["endpoint"] == "https://tools.example/look"
    assert profile.secrets["look_up"].get_secret_value() == tool.hmac_secret
    assert "secret" not in repr(profile.agent)
    assert tool.hmac_secret not in repr(tool)
    assert await state.agents.profile(OTHER, made.agent_id) is None
    assert await refused(state.agents.attach(ORG, made.agent_id, [Attached(tool_id="tool_none")])) == "invalid_request"
    await state.tools.remove(ORG, tool.tool_id)
    profile = await state.agents.profile(ORG, made.agent_id)
    assert profile is not None
    assert [each["name"] for each in profile.fields["tools"]] == ["end_call"]


async def test_the_name_of_a_tool_is_taken_once(state: State) -> None:
    await state.tools.create(ORG, ToolFields(name="look_up", webhook_url="https://tools.example/"))
    for name in ("look_up", "end_call"):
        fields = ToolFields(name=name, webhook_url="https://tools.example/")
        assert await refused(state.tools.create(ORG, fields)) == "name_taken"
    fields = ToolFields(name="look_up", webhook_url="https://tools.example/")
    await state.tools.create(OTHER, fields)
    at_once = ToolFields(name="both", webhook_url="https://tools.example/")
    made = await asyncio.gather(*(state.tools.create(ORG, at_once) for _ in range(2)), return_exceptions=True)
    assert [type(each).__name__ for each in made] == ["Tool", "RequestError"]


async def test_a_session_token_is_good_once_for_its_origin(state: State) -> None:
    secret, token = await state.tokens.mint(ORG, "key_1", [PAGE], 60, "shop")
    assert state.tokens.is_token(secret)
    for origin in (None, "https://other.example", "null"):
        with pytest.raises(PermissionDeniedError) as wrong:
            await state.tokens.redeem(secret, origin)
        assert wrong.value.code == "origin_not_allowed"
    taken = await asyncio.gather(*(state.tokens.redeem(secret, PAGE) for _ in range(8)), return_exceptions=True)
    (good,) = [each for each in taken if not isinstance(each, BaseException)]
    assert (good.organisation, good.session_label, good.expires_at) == (ORG, "shop", token.expires_at)
    assert all(isinstance(each, AuthenticationError) for each in taken if each is not good)
    with pytest.raises(AuthenticationError):
        await state.tokens.redeem(f"{secret}x", PAGE)


async def test_a_session_token_expires(database: Database) -> None:
    times = iter([100.0, 160.0])
    tokens = SessionTokens(database, clock=lambda: next(times))
    secret, _ = await tokens.mint(ORG, "key_1", [PAGE], 60)
    with pytest.raises(AuthenticationError, match="expired"):
        await tokens.redeem(secret, PAGE)


async def test_a_call_is_written_down_as_it_goes_on(tmp_path: Path) -> None:
    state = await State.open(tmp_path)
    await state.calls.begin(ORG, "call_1", session_label="shop")
    await state.calls.set(ORG, "call_1", voice_id="warm")
    said = Spoken(role="agent", text="Hello.", start=0.2, end=1.1)
    used = ToolUse(name="look_up", arguments={"id": 1}, result={"status": "shipped"}, start=3.0, end=3.4)
    await state.calls.note(ORG, "call_1", said)
    await state.calls.note(ORG, "call_1", used)
    done = await state.calls.finish(ORG, "call_1", "caller", duration=5.5)
    assert (done.status, done.duration, done.entries) == ("completed", 5.5, [said, used])
    await state.calls.begin(ORG, "call_2")
    await state.calls.note(ORG, "call_2", said)
    await state.aclose()
    again = await State.open(tmp_path)
    cut, kept = (await again.calls.page(ORG)).entries
    assert kept == done
    assert (cut.status, cut.end_reason, cut.duration) == ("failed", "server_restart", 1.1)
    assert [call.call_id for call in (await again.calls.page(ORG, session_label="shop")).entries] == ["call_1"]
    assert await refused(again.calls.get(OTHER, "call_1")) == "not_found"
    await again.aclose()
