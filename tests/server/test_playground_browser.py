"""The page ``/playground`` in a real browser: real engines, a microphone that plays a recording, a real Pipecat bot."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from demo.child import child
from pyai_voice.audio import resample
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.serving import Running, bind, running
from tests.server.browser import RATE, browser_page, recording

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

BOT = Path(__file__).resolve().parents[2] / "examples" / "pipecat_bot.py"
PATIENCE = 60_000
"""Milliseconds that anything may take on a busy machine."""
LONG_GREETING = (
    "Welcome to the Seaview hotel, the house right behind the dunes. My name is Mia, and I will gladly tell you all "
    "that there is to know about our rooms, about the winter garden, about the pool, and about everything else here."
)
WATCH = """() => {
    window.seen = [];
    const log = (kind) => (value) => window.seen.push([kind, value]);
    const watch = (selector, options, tell) => {
        const node = document.querySelector(selector);
        new MutationObserver(() => tell(node)).observe(node, options);
    };
    watch("#buffered", { childList: true }, (node) => log("buffered")(parseFloat(node.textContent)));
    watch("#meter-you", { attributes: true }, (node) => log("you")(node.value));
    watch("#meter-agent", { attributes: true }, (node) => log("agent")(node.value));
    watch("#transcript", { subtree: true, attributes: true }, () => log("interrupted")(1));
}"""
"""Notes what the page shows, one after the other."""


async def spoken(engines: Engines, text: str) -> bytes:
    """Return a caller's sentence."""
    pcm = b"".join([chunk async for chunk in engines.synthesizer.stream(text, "stock_rowan_en_us")])
    return resample(pcm, engines.synthesizer.rate, RATE)


async def open_page(page: Page, base_url: str) -> None:
    await page.goto(f"{base_url}/playground")
    await expect(page.locator("#call")).to_be_enabled()


async def seconds(page: Page, row: str, column: int) -> float:
    """Return a time in the table of turns."""
    return float((await page.locator(f"#turns tr:has-text('{row}') td").nth(column).inner_text()).removesuffix(" s"))


async def secrets_of(page: Page) -> str:
    """Return everything that the page stores, shows and is addressed by."""
    return await page.evaluate(
        "() => [location.href, document.documentElement.outerHTML, document.cookie, JSON.stringify(localStorage),"
        " JSON.stringify(sessionStorage)].join(' ')"
    )


@pytest.mark.slow
async def test_somebody_talks_to_omni(engines: Engines, tmp_path: Path) -> None:
    lines = [await spoken(engines, text) for text in ("When is breakfast?", "Please roll the dice.")]
    microphone = recording(tmp_path / "caller.wav", 6.0, lines[0], 5.0, lines[1])
    async with running(engines) as server, browser_page(microphone) as page:
        urls: list[str] = []
        page.on("request", lambda request: urls.append(request.url))
        page.on("websocket", lambda socket: urls.append(socket.url))
        await open_page(page, server.base_url)
        await expect(page.locator("#key")).to_be_hidden()
        await page.locator("summary").click()
        await page.fill("#greeting", LONG_GREETING)
        await page.evaluate(WATCH)
        await page.click("#call")
        await expect(page.locator("#state")).to_have_text("connected", timeout=PATIENCE)
        await hears_both_sides(page)
        await sees_the_tool(page)
        await page.click("#call")
        await expect(page.locator("#state")).to_have_text("not connected")
        await expect(page.locator("#notice")).to_be_hidden()
        check_interruption(await page.evaluate("() => window.seen"))
        assert await seconds(page, "breakfast", 2) > 0.2  # no end of speech is decided sooner
        assert 0.2 < await seconds(page, "breakfast", 3) < 20
        assert await draws_both_voices(page)
        assert not any(server.api_key in url or "pyai_" in url for url in urls)
        stored = await secrets_of(page)
        assert "pyai_test_" not in stored
        assert "pyai_live_sess_" not in stored


async def hears_both_sides(page: Page) -> None:
    greeting = page.locator("#transcript li.agent").first
    await expect(greeting).to_have_attribute("data-interrupted", "true", timeout=PATIENCE)
    assert await greeting.locator("del").inner_text()  # what nobody heard
    await expect(page.locator("#transcript li.you:has-text('breakfast')")).to_be_visible(timeout=PATIENCE)
    await expect(page.locator("#transcript")).to_contain_text("Breakfast is from seven to ten", timeout=PATIENCE)


async def sees_the_tool(page: Page) -> None:
    tool = page.locator("#transcript li.tool").first
    await expect(tool).to_contain_text('roll_dice({}) → {"rolled":', timeout=PATIENCE)
    await expect(page.locator("#transcript li.agent").last).to_contain_text("Rolled: ", timeout=PATIENCE)


def check_interruption(seen: list[list[Any]]) -> None:
    """What was queued is dropped at once, and both meters moved."""
    loudest = {who: max(value for kind, value in seen if kind == who) for who in ("you", "agent")}
    assert min(loudest.values()) > 0.3
    place = seen.index(["interrupted", 1])
    queued = [value for kind, value in seen[:place] if kind == "buffered"]
    left = [value for kind, value in seen[place:] if kind == "buffered"]
    assert max(queued) > 0.2
    assert 0 in [*queued[-1:], *left[:3]]


async def draws_both_voices(page: Page) -> bool:
    """Tell whether the timeline has enough dots in the colours of both sides."""
    return await page.evaluate(
        """() => {
            const canvas = document.getElementById("timeline");
            const style = getComputedStyle(canvas);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return ["--you", "--agent"].every((name) => {
                const colour = style.getPropertyValue(name).trim().match(/\\w\\w/g);
                const [red, green, blue] = colour.map((each) => parseInt(each, 16));
                let dots = 0;
                for (let at = 0; at < data.length; at += 4)
                    dots += data[at] === red && data[at + 1] === green && data[at + 2] === blue;
                return dots > 200;
            });
        }"""
    )


async def test_a_key_is_asked_for_where_others_can_reach_the_server(engines: Engines) -> None:
    async with running(engines, listening=bind("0.0.0.0")) as server, browser_page(refused=True) as page:
        urls: list[str] = []
        page.on("request", lambda request: urls.append(request.url))
        page.on("websocket", lambda socket: urls.append(socket.url))
        await open_page(page, server.base_url)
        await expect(page.locator("#key")).to_be_visible()
        await page.click("#call")
        await expect(page.locator("#notice")).to_contain_text("Enter an API key")
        await page.fill("#key", "pyai_test_wrong")
        await page.keyboard.press("Enter")
        await expect(page.locator("#notice")).to_contain_text("Unknown or expired API key")
        await page.fill("#key", server.api_key)
        await page.click("#call")
        await expect(page.locator("#transcript li.agent")).to_contain_text("Seaview hotel", timeout=PATIENCE)
        assert await page.get_attribute("#key", "type") == "password"
        assert not any("pyai_" in url for url in urls)
        assert "pyai_" not in (await secrets_of(page)).replace('placeholder="pyai_…"', "")


async def test_a_call_needs_the_keyboard_only(engines: Engines) -> None:
    async with running(engines) as server, browser_page() as page:
        await open_page(page, server.base_url)
        await page.focus("#tab-omni")
        await page.keyboard.press("ArrowRight")
        await expect(page.locator("#panel-bot")).to_be_visible()
        await page.keyboard.press("ArrowLeft")
        for wanted in ("voice", "", "call"):  # the middle one opens the greeting and the persona
            await page.keyboard.press("Tab")
            assert await page.evaluate("() => document.activeElement.id") == wanted
        await page.keyboard.press("Enter")
        await expect(page.locator("#state")).to_have_text("connected", timeout=PATIENCE)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await expect(page.locator("#mute")).to_have_text("Unmute")
        await page.keyboard.press("Shift+Tab")
        await page.keyboard.press("Enter")
        await expect(page.locator("#state")).to_have_text("not connected")
        await expect(page.locator("#call")).to_be_focused()


async def test_a_server_that_goes_is_named_and_the_page_can_call_again(engines: Engines) -> None:
    async with browser_page(refused=True) as page:
        notice = page.locator("#notice")
        async with running(engines) as server:
            await open_page(page, server.base_url)
            await page.click("#call")
            await expect(page.locator("#state")).to_have_text("connected", timeout=PATIENCE)
            (session,) = server.app.state.sessions
            server.abort(session.client)
            await expect(notice).to_contain_text("connection to the server was lost")
            await page.click("#call")
            await expect(page.locator("#state")).to_have_text("connected", timeout=PATIENCE)
            await expect(notice).to_be_hidden()
        await expect(notice).to_contain_text("because it stops")
        await page.click("#call")
        await expect(notice).to_contain_text("The server does not answer")
        await expect(page.locator("#state")).to_have_text("not connected")


@pytest.mark.parametrize(("name", "said"), [("NotAllowedError", "was not allowed"), ("NotFoundError", "No microphone")])
async def test_a_microphone_that_is_not_given_is_named(engines: Engines, name: str, said: str) -> None:
    async with running(engines) as server, browser_page() as page:
        refuse = f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{name}') }}"
        await page.add_init_script(refuse)
        await open_page(page, server.base_url)
        await page.click("#call")
        await expect(page.locator("#notice")).to_contain_text(said)
        await expect(page.locator("#state")).to_have_text("not connected")


async def test_the_microphone_is_resampled_without_folding(engines: Engines) -> None:
    """A tone below 8 kHz keeps its level, one above it is gone, from 48 and from 44.1 kHz."""
    script = """async ([from, pitch]) => {
        const { Resampler } = await import("/playground/resampler.js");
        const resampler = new Resampler(from, 16000);
        const out = [];
        const tone = (n) => Math.sin((2 * Math.PI * pitch * n) / from);
        for (let start = 0; start < from; start += 128)
            out.push(...resampler.take(Float32Array.from({ length: 128 }, (_, n) => tone(start + n))));
        const middle = out.slice(2000, 14000);
        const power = middle.reduce((sum, each) => sum + each * each, 0) / middle.length;
        return [out.length, Math.sqrt(2 * power)];
    }"""
    async with running(engines) as server, browser_page() as page:
        await open_page(page, server.base_url)
        for rate in (48000, 44100, 16000):
            count, level = await page.evaluate(script, [rate, 1000])
            assert abs(count - 16000) < 100
            assert abs(level - 1) < 0.02
            if rate > 16000:
                assert (await page.evaluate(script, [rate, 10000]))[1] < 0.01


async def test_a_turn_is_timed_from_the_speech_that_it_answers(engines: Engines) -> None:
    script = """async () => {
        const { Turns } = await import("/playground/turns.js");
        const turns = new Turns();
        const speak = (from, to) => { for (let at = from; at <= to; at += 0.02) turns.you(0.2, at); };
        turns.begin(1, "", undefined, 0.5);
        turns.agent(0.2, 0.6, 1);
        speak(1, 2);
        turns.begin(2, "When?", 0.5, 2.5);
        turns.agent(0, 2.6, 2);
        turns.agent(0.2, 2.75, 2);
        speak(4, 5);
        speak(5.3, 6);  // goes on before the answer to the words before
        turns.begin(3, "Wait.", 0.6, 5.6);
        turns.agent(0.2, 5.8, 3);
        turns.begin(4, "Roll", 0.4, 6.4);  // asks for a tool
        turns.begin(5, "", undefined, 6.5);  // and answers with its result
        turns.agent(0.2, 7, 5);
        turns.begin(6, "", undefined, 30);  // is anybody there?
        turns.agent(0.2, 30.2, 6);
        return turns.list.map(({ said, heard }) => [said, heard === undefined ? null : Math.round(heard * 100) / 100]);
    }"""
    async with running(engines) as server, browser_page() as page:
        await open_page(page, server.base_url)
        turns = await page.evaluate(script)
    assert [said for said, _ in turns] == ["", "When?", "Wait.", "Roll", ""]
    assert [heard for _, heard in turns] == [
        None,
        pytest.approx(0.75, abs=0.03),
        pytest.approx(0.8, abs=0.03),
        pytest.approx(1.0, abs=0.03),
        None,
    ]


async def test_a_bot_that_is_not_there_or_elsewhere_is_named(engines: Engines) -> None:
    async with running(engines) as server, browser_page(refused=True) as page:
        await open_page(page, server.base_url)
        await page.click("#tab-bot")
        await page.fill("#bot-address", "http://127.0.0.1:9")
        await page.click("#call")
        await expect(page.locator("#notice")).to_contain_text("No bot answers at http://127.0.0.1:9")
        await page.fill("#bot-address", "http://shop.example")
        await page.click("#call")
        await expect(page.locator("#notice")).to_contain_text("has to be on this machine")
        await expect(page.locator("#state")).to_have_text("not connected")


@asynccontextmanager
async def example_bot(server: Running, folder: Path) -> AsyncGenerator[str]:
    """Start the example bot as its user starts it, with a brain; yields its address."""
    pytest.importorskip("fastapi", reason="Pipecat's runner needs fastapi")
    log = folder / "log.txt"
    with bind() as free:
        port = free.getsockname()[1]
    async with child("the brain", sys.executable, "-m", "demo.brain", log=log, ready=60.0) as variables:
        environment = {**os.environ, **variables, "PYAI_BASE_URL": server.base_url, "PYAI_API_KEY": server.api_key}
        command = (sys.executable, "-W", "ignore", str(BOT), "-t", "webrtc", "--port", str(port))
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=output, stderr=output)
        try:
            yield await answering(f"http://localhost:{port}", process)
        finally:
            process.terminate()
            await process.wait()


async def answering(address: str, process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(90), httpx.AsyncClient(trust_env=False) as http:
        while process.returncode is None:
            try:
                assert (await http.get(f"{address}/status")).json()["transports"] == ["webrtc"]
                return address
            except httpx.TransportError:
                await asyncio.sleep(0.2)
    raise AssertionError("the bot ended")


@pytest.mark.slow
async def test_somebody_orders_from_the_example_bot(engines: Engines, tmp_path: Path) -> None:
    order = await spoken(engines, "I would like a large cappuccino, please.")
    microphone = recording(tmp_path / "caller.wav", 6.0, order)
    async with running(engines) as server, example_bot(server, tmp_path) as address, browser_page(microphone) as page:
        await open_page(page, server.base_url)
        await page.click("#tab-bot")
        await page.fill("#bot-address", address)
        await page.click("#call")
        transcript = page.locator("#transcript")
        await expect(transcript.locator("li.agent").first).to_contain_text(
            "Hello! What can I get you?", timeout=PATIENCE
        )
        await expect(transcript.locator("li.you").last).to_contain_text("cappuccino", timeout=PATIENCE)
        await expect(transcript.locator("li.agent").last).to_contain_text("large cappuccino", timeout=PATIENCE)
        answer = page.locator("#turns tr:has-text('cappuccino')").first
        await expect(answer.locator("td").nth(3)).to_contain_text(" s", timeout=PATIENCE)
        assert 0.2 < await seconds(page, "cappuccino", 3) < 30
        await expect(answer).to_contain_text("PyAITTS")
        await page.click("#call")
        await expect(page.locator("#state")).to_have_text("not connected")
        await expect(page.locator("#notice")).to_be_hidden()
