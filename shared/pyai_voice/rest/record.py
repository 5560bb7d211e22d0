"""What the service answers and is sent, as models: open to fields that nobody has told us of.

Above: every file of :mod:`pyai_voice.rest`. An answer is never trusted and never a reason for another error than ours:
a field that is absent, null, empty or of another kind has its default; only what identifies a record must be there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from ..errors import ProtocolError
from ..exchange import NOT_PYAI, Answer
from ..options import Options
from ..redact import register

__all__ = ["Body", "Record", "Secret", "Time", "parse"]


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _remembered(secret: SecretStr) -> SecretStr:
    register(secret.get_secret_value())
    return secret


Time = Annotated[datetime, AfterValidator(_aware)]
"""A point in time, in UTC. On the wire: Unix seconds (numbers up to 2e10), Unix milliseconds, or ISO 8601."""

Secret = Annotated[SecretStr, AfterValidator(_remembered)]
"""What is shown once: hidden in every repr, and taken out of every message and log from then on."""


class Record(BaseModel):
    """Base of all answers: frozen; what the service sends besides the fields is kept under its own name."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        coerce_numbers_to_str=True,
        defer_build=True,
        hide_input_in_errors=True,
        protected_namespaces=(),
        populate_by_name=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_out_empty(cls, value: Any) -> Any:
        """Take null and "" for absent, so that of two names of one field the one that says something counts."""
        if not isinstance(value, dict):
            return value
        fields = cast("dict[str, Any]", value)
        return {name: content for name, content in fields.items() if content is not None and content != ""}

    @field_validator("*", mode="wrap")
    @classmethod
    def _tolerate(cls, value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        try:
            return handler(value)
        except ValidationError:
            if field.is_required():
                raise
        return field.get_default(call_default_factory=True, validated_data={})


class Body(Options):
    """Base of what is sent: only what was set, null included. A wrong value raises ConfigurationError naming the field.

    Fields that this version does not know are sent as they are.
    """

    model_config = ConfigDict(extra="allow", protected_namespaces=(), defer_build=True)

    def body(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True, by_alias=True)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields set, checked again."""
        return type(self)(**{name: getattr(self, name) for name in self.model_fields_set} | changes)


Kind = TypeVar("Kind", bound=Record)


def parse(kind: type[Kind], value: object, answer: Answer) -> Kind:
    """Return a value of an answer as a record. Raises ProtocolError for what is none."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, fault["loc"])) or kind.__name__
    raise ProtocolError(f"The server sent no {kind.__name__}: {where}", hint=NOT_PYAI, request_id=answer.request_id)
