"""The routes of the API: each describes its parameters and answers in OpenAPI, from the objects that read them;
and each request finds its route in a table.

The framework would try one pattern after the other, nearly two hundred for the last route.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from fastapi.params import Depends
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from services.api.answers import Error
from services.api.handling import dependencies_of, handling_of
from services.api.opened import opened_answer
from services.api.parameters import Reader, declared
from services.api.scopes import PREFIX, needed_by, security_of
from services.api.sent import Body, BodyReader

#: The part of `/organizations/{orgId}/commitments/{id}` that is the first below the organization.
_FIRST = PREFIX.count("/") + 1
SCHEMAS = "#/components/schemas/{model}"
RESPONSES = "#/components/responses/{name}"
#: Statuses with other names in older versions of Python.
_PHRASES = {413: "Content Too Large", 414: "URI Too Long", 422: "Unprocessable Content"}


class Shortcut(BaseRoute):
    """Finds the first route that takes the request. Other routes answer what it does not find: paths outside
    organizations, unknown paths, other methods.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        #: By method, number of parts and the first part below the organization, in the order of the routes.
        self._routes = defaultdict[tuple[str, int, str], list[DeclaredRoute]](list)
        for route in routes:
            if isinstance(route, DeclaredRoute) and route.path.startswith(f"{PREFIX}/"):
                self._routes[_place_of(route.method, route.path)].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether there is such a route, in the framework's form."""
        if scope["type"] == "http" and not scope.get("root_path"):
            for route in self._routes.get(_place_of(scope["method"], scope["path"]), ()):
                match, match_scope = route.matches(scope)
                if match is Match.FULL:
                    return match, match_scope
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle the request by the found route."""
        await scope["route"].handle(scope, receive, send)


def _place_of(method: str, path: str) -> tuple[str, int, str]:
    parts = path.split("/")
    return method, len(parts), parts[_FIRST] if len(parts) > _FIRST else ""


class DeclaredRoute(APIRoute):
    """A route whose dependencies declare its handler's query parameters and body; `response_model` is its answer.

    The framework reads no body and makes no answer: handlers answer with exact bytes.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        depends = list(dependencies_of(endpoint).values())
        readers = [depend for depend in depends if isinstance(depend, Reader)]
        self.body = next((depend for depend in depends if isinstance(depend, Body)), None)
        self._bodies = [depend for depend in depends if isinstance(depend, BodyReader)]
        #: The only method, and the scopes, of which a key needs one. Empty if it needs none.
        [self.method] = options["methods"]
        self.needed = needed_by(self.method, path)
        self._security = security_of(self.method, path)
        self.shown: type[BaseModel] | None = options.pop("response_model", None) or None
        if not options.get("summary"):
            options["summary"] = first_sentence(endpoint.__doc__ or "") or None
        super().__init__(path, endpoint, **options | {"response_model": None, "openapi_extra": self._told(readers)})

    def get_route_handler(self) -> Any:
        """The handler for the framework: our own steps (`handling.py`)."""
        return handling_of(self.endpoint, self.dependencies, self.param_convertors, opened_answer)

    def _told(self, readers: list[Reader[Any]]) -> dict[str, Any]:
        """The operation in OpenAPI, beside the parts that the framework adds."""
        operation: dict[str, Any] = {}
        if readers:
            schemas = {name: schema for reader in readers for name, schema in reader.schemas.items()}
            operation["parameters"] = declared(schemas)
        if self.body is not None:
            content = {media: {"schema": referred(self.body.name)} for media in self.body.media}
            operation["requestBody"] = {"required": not self.body.may_be_absent, "content": content}
        if self._security:
            operation["security"] = self._security
        responses: dict[str, Any] = {str(status): refusal(status) for body in self._bodies for status in body.refusals}
        if self.shown is not None:
            content = {"application/json": {"schema": referred(self.shown.__name__)}}
            responses["200"] = {"content": content}
        if responses:
            operation["responses"] = responses
        return operation


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, without its full stop."""
    return re.split(r"[.:;](?:\s|$)", " ".join(text.split()), maxsplit=1)[0]


def referred(name: str) -> dict[str, Any]:
    """The schema of this name."""
    return {"$ref": SCHEMAS.format(model=name)}


def phrase_of(status: int) -> str:
    """What the status says: `Not Found`."""
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def response_name(status: int) -> str:
    """What the response to a refusal is called among the components: `NotFound`."""
    return re.sub(r"\W", "", phrase_of(status).title())


def refusal(status: int) -> dict[str, Any]:
    """The response to a refusal of this status."""
    return {"$ref": RESPONSES.format(name=response_name(status))}


#: Every failure has this shape, whatever its status (`statuses.py`). It is written as a schema: for a model the
#: framework would build a validator for each route, although nothing is ever validated by it.
_FAILED = {"application/json": {"schema": referred(Error.__name__)}}
FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "The request is refused; the message says why.", "content": _FAILED},
    "5XX": {"description": "The request cannot be served now; the message says why.", "content": _FAILED},
}


def router_of(*tags: str, prefix: str = "", dependencies: Sequence[Depends] = ()) -> APIRouter:
    """A router of `DeclaredRoute`s."""
    return APIRouter(
        prefix=prefix,
        tags=list(tags),
        dependencies=dependencies,
        responses=FAILURES,
        route_class=DeclaredRoute,
        default_response_class=Response,
    )
