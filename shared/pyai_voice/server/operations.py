"""Operations: what a path does for a method, who may ask for it, and how it is described in ``/openapi.json``.

A handler gets an :class:`Asked` and returns a pydantic model, which goes out as JSON, or a response of its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..errors import ServiceError, service_error
from .auth import authorize
from .limits import limited
from .state.collection import CURSOR
from .state.keys import Key

if TYPE_CHECKING:
    from .settings import Settings
    from .state import State
    from .state.collection import Page

__all__ = ["Asked", "Body", "Deleted", "Listed", "Operation", "PageQuery", "Query", "routes", "validated"]

Model = TypeVar("Model", bound=BaseModel)
Entry = TypeVar("Entry", bound=BaseModel)


class Body(BaseModel):
    """Base of JSON bodies: nothing is taken for what it is not; fields that are not known are ignored."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class Query(BaseModel):
    """Base of queries; parameters that are not known are ignored."""

    model_config = ConfigDict(hide_input_in_errors=True)


class PageQuery(Query):
    """Which part of a list."""

    limit: int = Field(20, ge=1, le=100)
    cursor: Annotated[str, Field(pattern=f"^({CURSOR})?$")] = ""
    """``next_cursor`` of the part before."""


class Listed(BaseModel, Generic[Entry]):
    """A part of a list."""

    object: Literal["list"] = "list"
    data: list[Entry]
    has_more: bool = False
    next_cursor: str | None = None

    @classmethod
    def of(cls, page: Page[Entry]) -> Listed[Entry]:
        """Return a store's page as it goes out."""
        return cls(data=page.entries, has_more=page.next_cursor is not None, next_cursor=page.next_cursor)


class Deleted(BaseModel):
    """What was deleted."""

    object: str
    id: str
    deleted: bool = True


class Asked:
    """One request of somebody who may make it."""

    def __init__(self, request: Request, key: Key) -> None:
        self.request = request
        self.key = key
        self.organisation = key.organisation
        """Whose records this request may see."""
        self.settings: Settings = request.app.state.settings
        self.stores: State = request.app.state.stores
        self.origin = f"{request.url.scheme}://{request.url.netloc}"
        """How the caller addresses this server."""
        self._raw: bytes | None = None

    def path(self, name: str) -> str:
        """Return a part of the path."""
        return self.request.path_params[name]

    def query(self, model: type[Model]) -> Model:
        """Return the query. Raises RequestError naming the parameter that is wrong."""
        return validated(lambda: model.model_validate(dict(self.request.query_params)))

    async def raw(self) -> bytes:
        """Return the body as it came. Raises RequestError ``payload_too_large``."""
        if self._raw is None:
            self._raw = await limited(self.request, self.settings.max_body).body()
        return self._raw

    async def body(self, model: type[Model]) -> Model:
        """Return the JSON body; where none came, an object without fields.

        Raises RequestError naming the field that is wrong, or ``payload_too_large``.
        """
        body = await self.raw() or _nothing(model)
        return validated(lambda: model.model_validate_json(body))


def _nothing(model: type[BaseModel]) -> bytes:
    return b"" if "root" in model.model_fields else b"{}"


def validated(read: Callable[[], Model]) -> Model:
    """Return what ``read`` returns. Raises RequestError naming the field that is wrong."""
    try:
        return read()
    except ValidationError as error:
        refusal = _refusal(error)
    raise refusal


def _refusal(error: ValidationError) -> ServiceError:
    fault = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(map(str, fault["loc"]))[:100]
    said = fault["msg"].removeprefix("Value error, ")
    return service_error(f"{where}: {said}" if where else said, code="invalid_request")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    run: Callable[[Asked], Awaitable[BaseModel | Response]] | None = None
    """What answers; None for an operation that is only described here."""
    scope: str | None = None
    """What the key must be allowed to do; None: any key will do."""
    public: bool = False
    """Needs no key."""
    status: int = 200
    """Of a good answer."""
    answer: type[BaseModel] | None = None
    """What a good answer holds; None: nothing, or what ``content`` says."""
    body: type[BaseModel] | None = None
    """What the JSON body holds."""
    query: type[BaseModel] | None = None
    """What the query holds."""
    content: str = ""
    """Media type of a good answer that is not JSON."""
    form: type[BaseModel] | None = None
    """What the fields of a form hold beside its file."""
    file: str = ""
    """Name of the form's file."""
    headers: tuple[str, ...] = ()
    """Names of request headers that matter, up to 255 characters each."""


def routes(operations: Iterable[Operation]) -> list[Route]:
    """Return the routes, one for each path, so that a wrong method is told all the right ones."""
    paths: dict[str, dict[str, Operation]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return [Route(path, _Resource(methods).serve, methods=list(methods)) for path, methods in paths.items()]


_NOBODY = Key(key_id="", scopes=(), organisation="")


class _Resource:
    """What one path does."""

    def __init__(self, operations: dict[str, Operation]) -> None:
        self._operations = operations

    async def serve(self, request: Request) -> Response:
        operation = self._operations["GET" if request.method == "HEAD" else request.method]
        if operation.run is None:
            raise LookupError(operation.path)
        asked = Asked(request, _NOBODY if operation.public else authorize(request, operation.scope))
        try:
            answer = await operation.run(asked)
        except ValidationError as error:  # a record that cannot be, such as recordings without a consent line
            refusal = _refusal(error)
        else:
            return answer if isinstance(answer, Response) else _json(answer, operation.status)
        raise refusal


def _json(answer: BaseModel, status: int) -> Response:
    return JSONResponse(answer.model_dump(mode="json"), status)
