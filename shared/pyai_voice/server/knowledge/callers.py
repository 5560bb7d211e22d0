"""The two voice platforms that ask the public endpoint: how each puts its question, and how it wants the answer.

Sources: Omni's ``kb_endpoint`` contract; Vapi's "custom knowledge base".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast
from uuid import NAMESPACE_OID, uuid5

from pydantic import AliasChoices, BaseModel, Discriminator, Field, Tag, TypeAdapter, ValidationError

from ...errors import service_error
from . import Hit

__all__ = ["Question", "answer", "parse"]

_LONGEST_LABEL = 256


@dataclass(frozen=True, slots=True)
class Question:
    """What a platform wants to know."""

    platform: Literal["omni", "vapi"]
    text: str
    """May be empty: then nothing is found."""
    label: str | None = None
    """Omni's session label, which goes into the answer."""


class _Part(BaseModel):
    text: str = ""


class _Message(BaseModel):
    role: str = ""
    content: str | list[_Part] | Any = Field(None, validation_alias=AliasChoices("content", "message"))

    def text(self) -> str:
        parts = [self.content] if not isinstance(self.content, list) else cast("list[object]", self.content)
        words = [part.text if isinstance(part, _Part) else part for part in parts]
        return " ".join(word.strip() for word in words if isinstance(word, str) and word.strip())


class _KnowledgeBaseRequest(BaseModel):
    type: Literal["knowledge-base-request"]
    messages: list[_Message] = Field(validation_alias=AliasChoices("messages", "messagesOpenAIFormatted"))


class _Vapi(BaseModel):
    message: _KnowledgeBaseRequest

    def question(self) -> Question:
        said = (each.text() for each in reversed(self.message.messages) if each.role == "user")
        return Question("vapi", next(filter(None, said), ""))


class _Omni(BaseModel):
    query: str
    session_label: Annotated[str, Field(max_length=_LONGEST_LABEL)] | None = Field(
        None, validation_alias=AliasChoices("session_label", "agent_id")
    )

    def question(self) -> Question:
        return Question("omni", self.query, self.session_label)


def _platform(asked: Any) -> str:
    return "vapi" if isinstance(asked, dict) and "message" in asked else "omni"


_asked: TypeAdapter[_Vapi | _Omni] = TypeAdapter(
    Annotated[Annotated[_Vapi, Tag("vapi")] | Annotated[_Omni, Tag("omni")], Discriminator(_platform)]
)


def parse(body: bytes) -> Question:
    """Read a question. Raises RequestError ``invalid_request``, which never repeats what was sent."""
    try:
        return _asked.validate_json(body).question()
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, fault["loc"][1:]))
    raise service_error(f"{where}: {fault['msg']}" if where else "expected a JSON object", code="invalid_request")


def answer(question: Question, hits: Sequence[Hit]) -> dict[str, Any]:
    """Return the passages in the shape that belongs to the question."""
    if question.platform == "vapi":
        return {
            "documents": [{"content": hit.content, "similarity": hit.score, "uuid": _identity(hit)} for hit in hits]
        }
    return {
        "session_label": question.label,
        "query": question.text,
        "context": "\n".join(f"- {' '.join(hit.content.split())}" for hit in hits),
        "results": [{"id": _identity(hit), "content": hit.content, "score": hit.score} for hit in hits],
    }


def _identity(hit: Hit) -> str:
    """Return an id that a passage keeps, so that a question that is delivered twice is answered alike."""
    return str(uuid5(NAMESPACE_OID, f"{hit.document}\n{hit.content}"))
