"""Uses the official SDK ``pyai`` as its documentation says; run by its own interpreter, with nothing of ours.

Arguments: origin of the server, key, origin of a site with a recording. Prints what came as JSON.
"""

import json
import sys
import time

from pyai import PyAI, PyAIError
from pyai.cli import run_doctor, run_smoke

origin, key, site = sys.argv[1:]
client = PyAI(api_key=key, base_url=origin)
said: list[str] = []
found: dict[str, object] = {"doctor": run_doctor(client, said.append), "smoke": run_smoke(client, said.append)}
found["said"] = said

found["me"] = client.me()["environment"]
found["models"] = [model["id"] for model in client.models.list()["data"]]
voices = client.voices.list()["data"]
found["voices"] = len(voices)
found["voice"] = client.voices.get(voices[0]["voice_id"])["name"] == voices[0]["name"]
found["women"] = sorted({voice["gender"] for voice in client.voices.list(gender="F")["data"]})

agent = client.agents.create(name="Reception", persona="Be kind.", greeting="Hello.", vocabulary=["PyAI"])
changed = client.agents.update(agent["agent_id"], greeting="Hi.", vocabulary=[])
found["agent"] = [changed["greeting"], changed["vocabulary"], client.agents.get(agent["agent_id"])["persona"]]
found["agents"] = [each["name"] for each in client.agents.list()["data"]]
client.agents.delete(agent["agent_id"])
found["agents_left"] = client.agents.list()["data"]

speech = client.audio.speech(input="Where is my order?", voice=voices[0]["voice_id"])
streamed = b"".join(client.audio.speech_stream(input="Where is my order?", response_format="pcm", sample_rate=16000))
found["speech"] = [len(speech) > 1000, len(streamed) > 1000]
found["transcription"] = client.audio.transcriptions.create(file=speech, filename="order.mp3")["text"]

clone = client.clones.create(name="Me", file=speech, filename="me.mp3")
found["clone"] = [clone["name"], client.clones.get(clone["id"])["id"] == clone["id"]]
try:
    client.audio.speech(input="Hello.", voice=clone["id"])
except PyAIError as error:
    found["speaking_with_a_clone"] = [error.status, error.code]
client.clones.delete(clone["id"])
found["clones_left"] = client.clones.list()["data"]

url = f"{site}/call.wav"
job = client.transcription_jobs.create(url, output_formats=["json", "srt"], idempotency_key="once")
again = client.transcription_jobs.create(url, output_formats=["json", "srt"], idempotency_key="once")
deadline = time.monotonic() + 30
while (now := client.transcription_jobs.get(job["job_id"]))["status"] in ("queued", "running"):
    if time.monotonic() > deadline:
        break
    time.sleep(0.05)
found["job"] = [
    now["status"],
    again["job_id"] == job["job_id"],
    sorted(now["result"]["formats"]),
    now["result"]["text"],
]
found["jobs"] = [each["job_id"] == job["job_id"] for each in client.transcription_jobs.list(limit=5)["data"]]

found["amd"] = client.amd.config.set(aggressiveness=0.7, webhook_url="https://hooks.example/amd")["aggressiveness"]
found["amd_kept"] = client.amd.config.get()["webhook_url"]
found["amd_calls"] = client.amd.calls.list(limit=5)["data"]


def refusal(call):
    try:
        call()
    except PyAIError as error:
        return [error.status, error.code]
    return None


found["refusals"] = {
    "telephony": refusal(client.telephony.numbers.list),
    "no voice": refusal(lambda: client.voices.get("none")),
    "no agent": refusal(lambda: client.agents.get("none")),
    "wrong key": refusal(PyAI(api_key="pyai_test_wrong", base_url=origin).models.list),
}
print(json.dumps(found))
