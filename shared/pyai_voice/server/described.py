"""Operations that routes of their own serve, described for ``/openapi.json``: recordings, speech, keys, knowledge."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from .operations import Body, Listed, Operation

__all__ = ["DESCRIBED"]

_KB = "kb:manage"
_BASES = "/v1/knowledgebases"
_BASE = f"{_BASES}/{{base_id}}"
_DOCUMENT = f"{_BASE}/documents/{{document_id}}"

Name = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[!-~]([ -~]*[!-~])?$")]
Flag = Literal["true", "false"]


class TranscriptionForm(BaseModel):
    """The fields beside the recording."""

    model: Literal["pyai-hear", "whisper-1"] = "pyai-hear"
    language: Literal["en", "auto"] = "auto"
    response_format: Literal["json", "text", "verbose_json", "srt", "vtt"] = "json"
    numerals: Flag = "false"
    smart_format: Flag = "false"
    drop_fillers: Flag = "false"
    vocabulary: str = ""
    """Terms, joined by commas."""


class SpeechForm(BaseModel):
    """What is to be said."""

    input: Annotated[str, Field(max_length=4096, pattern=r"\S")]
    model: Literal["pyai-speak", "pyai-voice", "tts-1", "tts-1-hd"] = "pyai-voice"
    voice: str | None = None
    """From ``GET /v1/voices``."""
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm", "g711_ulaw", "g711_alaw"] = "mp3"
    sample_rate: Annotated[int, Field(ge=8000, le=48000)] | None = None
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0


class SandboxRequest(Body):
    """What the key is for."""

    label: Annotated[str, Field(max_length=64)] = ""


class SandboxKey(BaseModel):
    """A key; it is not shown again."""

    object: Literal["sandbox.key"]
    api_key: str
    environment: str
    expires_at: int
    base_url: str
    key_id: str
    org_id: str
    project_id: str
    scopes: list[str]
    docs: str
    note: str


class KnowledgeBase(BaseModel):
    """A knowledge base."""

    object: Literal["knowledgebase"]
    id: str
    name: str
    created_at: int
    document_count: int
    chunk_count: int


class KnowledgeDocument(BaseModel):
    """A document of a knowledge base."""

    object: Literal["knowledgebase.document"]
    id: str
    knowledgebase_id: str
    name: str
    media_type: str
    size: int
    status: Literal["pending", "indexed", "failed"]
    reason: str | None
    chunk_count: int
    created_at: int


class KnowledgeBaseWithDocuments(KnowledgeBase):
    """A knowledge base and its documents."""

    documents: list[KnowledgeDocument]


class NewKnowledgeBase(Body):
    """A knowledge base to be made."""

    name: Name


class NewDocument(Body):
    """A document as text."""

    name: Name
    text: Annotated[str, Field(pattern=r"\w")]
    media_type: str = "text/plain"
    """``text/plain``, ``text/markdown`` or ``text/html``."""


class Search(Body):
    """A question."""

    query: str
    limit: Annotated[int, Field(ge=1, le=20)] = 3
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.0


class Hit(BaseModel):
    """A passage that was found."""

    content: str
    score: float
    document_id: str
    knowledgebase_id: str
    name: str


class KnowledgeDeleted(BaseModel):
    """What was deleted."""

    object: str
    id: str
    deleted: bool


DESCRIBED = [
    Operation(
        "POST", "/v1/audio/transcriptions", scope="hear:transcribe", form=TranscriptionForm, file="file", content="*/*"
    ),
    Operation(
        "POST", "/v1/audio/translations", scope="hear:transcribe", form=TranscriptionForm, file="file", content="*/*"
    ),
    Operation("POST", "/v1/audio/speech", scope="speak:synthesize", body=SpeechForm, content="*/*"),
    Operation("POST", "/v1/sandbox/keys", public=True, status=201, body=SandboxRequest, answer=SandboxKey),
    Operation("GET", _BASES, scope=_KB, answer=Listed[KnowledgeBase]),
    Operation("POST", _BASES, scope=_KB, status=201, body=NewKnowledgeBase, answer=KnowledgeBase),
    Operation("GET", _BASE, scope=_KB, answer=KnowledgeBaseWithDocuments),
    Operation("DELETE", _BASE, scope=_KB, answer=KnowledgeDeleted),
    Operation(
        "POST", f"{_BASE}/documents", scope=_KB, status=202, body=NewDocument, file="file", answer=KnowledgeDocument
    ),
    Operation("GET", _DOCUMENT, scope=_KB, answer=KnowledgeDocument),
    Operation("DELETE", _DOCUMENT, scope=_KB, answer=KnowledgeDeleted),
    Operation("POST", f"{_BASE}/search", scope=_KB, body=Search, answer=Listed[Hit]),
]
