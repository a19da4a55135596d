"""The OpenAPI document, and the pages of `/docs` that show it.

The framework makes the document; the schemas of bodies and answers follow the wire. The pages load everything from this
process.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from events.resources.bounds import MOST_ITEMS, TOLD_CLIENTS
from services.access.scopes import MEANINGS
from services.api.answers import Error
from services.api.calls import LINK
from services.api.examples import Examples
from services.api.operations import finish
from services.api.routing import SCHEMAS, DeclaredRoute
from services.api.scopes import BY_LINK, CREDENTIALS, TOKEN
from services.api.sent import Body

#: The document's general description.
ABOUT = """Commands and queries of Trueup, in m3ter's wire shape: JSON, camelCase, 200 for every success.

Numbers are exact: send as many digits as you have. A member that is not set is absent from answers, and `null` in a
body counts as absent. A `PUT` replaces the whole resource and names the `version` that it saw. Lists are newest first;
`nextToken` asks for the next page. Every refusal is `{"message": "..."}` and names the member or parameter it is about.
What goes through Kafka is described in `docs/asyncapi.json`."""

Mode = Literal["validation", "serialization"]
#: Bounds that keep pydantic's own names if our own function parses the number.
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
#: The same for lists that our own function checks.
_BOUNDS_OF_LISTS = {"minLength": "minItems", "maxLength": "maxItems"}
#: Swagger UI as the package `fastapi-offline` ships it.
_ASSETS, _ASSETS_PATH = ("fastapi_offline", "static"), "/docs/assets"
#: The page loads nothing from other hosts, and folds the resources so that all fit on a screen.
_SETTINGS = {"validatorUrl": None, "docExpansion": "none", "defaultModelsExpandDepth": 0, "filter": True}
#: The browser is forbidden to load from other hosts as well. The page has its script and style in it.
NOT_ELSEWHERE = "default-src 'self' 'unsafe-inline' data:"


class WireSchema(GenerateJsonSchema):
    """Numbers are numbers, in bodies and in answers; and nothing in an answer is null."""

    def generate_inner(self, schema: Any) -> JsonSchemaValue:
        """Bounds for client input; older stored values may exceed them."""
        made = super().generate_inner(schema)
        bounds = dict(made.pop(TOLD_CLIENTS, {})) if self.mode == "validation" else {}
        if MOST_ITEMS in bounds:
            bounds["maxItems" if made.get("type") == "array" else "maxProperties"] = bounds.pop(MOST_ITEMS)
        return {name: value for name, value in made.items() if name != TOLD_CLIENTS} | bounds

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """A JSON number of any size and precision."""
        number: JsonSchemaValue = {"type": "number"}
        self.update_with_validations(number, schema, self.ValidationsMapping.numeric)
        return number

    def ser_schema(self, schema: Any) -> JsonSchemaValue | None:
        """The spelling of values in events does not matter on the wire."""
        return None

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """A null in a body counts as absent."""
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """A default of None means absence, so it is no default in the schema."""
        made = super().default_schema(schema)
        return {name: value for name, value in made.items() if name != "default" or value is not None}

    def field_title_should_be_set(self, schema: Any) -> bool:
        """A field's name suffices as its title."""
        return False


#: Headers of webhook requests, with their meanings.
_SENT = {
    "webhook-id": "Which delivery it is: what is sent twice has the same one.",
    "webhook-timestamp": "When it was sent, in seconds since 1970.",
    "webhook-signature": "Signatures as Standard Webhooks has them, with a space between.",
}


def serve_openapi(app: FastAPI, sent: type[BaseModel]) -> None:
    """The app's document, made on first use. `sent`: the body of webhook requests."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            every = (context.original_route for context in iter_route_contexts(app.routes))
            routes = [route for route in every if isinstance(route, DeclaredRoute)]
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            document["components"] = {
                "schemas": dict(sorted(_components(routes, sent).items())),
                "securitySchemes": _security_schemes(),
            }
            finish(document)
            document["webhooks"] = {"event": {"post": _webhook(sent)}}
            _illustrate(document, {route.body.name: route.body for route in routes if route.body is not None})
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _security_schemes() -> dict[str, Any]:
    """How a client signs in; an operation names the scopes of which its key needs one."""
    scopes = {scope.value: meaning for scope, meaning in MEANINGS.items()}
    flow = {"tokenUrl": "/oauth/token", "scopes": scopes}
    return {
        TOKEN: {"type": "oauth2", "flows": {"clientCredentials": flow}},
        BY_LINK: {
            "type": "apiKey",
            "in": "query",
            "name": LINK,
            "description": "what a link has, for its address alone",
        },
        CREDENTIALS: {"type": "http", "scheme": "basic", "description": "access key id and API secret"},
    }


def _webhook(sent: type[BaseModel]) -> dict[str, Any]:
    """The request to a webhook destination."""
    headers = [
        {"name": name, "in": "header", "required": True, "description": told, "schema": {"type": "string"}}
        for name, told in _SENT.items()
    ]
    content = {"application/json": {"schema": {"$ref": SCHEMAS.format(model=sent.__name__)}}}
    return {
        "summary": "An event or alert, to a webhook destination",
        "operationId": "webhookEvent",
        "parameters": headers,
        "requestBody": {"required": True, "content": content},
        "responses": {"2XX": {"description": "It was taken; anything else has it sent again later."}},
    }


def _components(routes: Iterable[DeclaredRoute], sent: type[BaseModel]) -> dict[str, Any]:
    """Schemas by name: bodies by their names, answers by their classes."""
    bodies = {route.body.name: route.body for route in routes if route.body is not None}
    alike = [route.path for route in routes if route.body and route.body.model is not bodies[route.body.name].model]
    assert not alike, f"the bodies of {alike} are called like others"
    answers: set[type[BaseModel]] = {route.shown for route in routes if route.shown is not None}
    answers |= {Error, sent}
    answers |= {answer["model"] for route in routes for answer in route.responses.values() if "model" in answer}
    models: list[tuple[type[BaseModel], Mode]] = [(body.model, "validation") for body in bodies.values()]
    models += [(model, "serialization") for model in sorted(answers, key=lambda model: model.__name__)]
    named, made = models_json_schema(list(dict.fromkeys(models)), ref_template=SCHEMAS, schema_generator=WireSchema)
    schemas: dict[str, Any] = _spelled(made.get("$defs", {}))
    for name, body in bodies.items():
        schemas[name] = _body_schema(body, _named(schemas, named[body.model, "validation"]))
    return schemas


def _spelled(schema: Any) -> Any:
    """The schema with JSON Schema's names of bounds. No member of the wire has the name of a pydantic bound."""
    if isinstance(schema, dict):
        bounds = _BOUNDS | (_BOUNDS_OF_LISTS if schema.get("type") == "array" else {})
        return {bounds.get(name, name): _spelled(value) for name, value in schema.items()}
    return [_spelled(part) for part in schema] if isinstance(schema, list) else schema


def _named(schemas: dict[str, Any], reference: JsonSchemaValue) -> dict[str, Any]:
    schema: dict[str, Any] = schemas[reference["$ref"].rpartition("/")[2]]
    return schema


def _body_schema(body: Body[Any], schema: dict[str, Any]) -> dict[str, Any]:
    """The model's schema with further members that may stand beside its fields."""
    beside: dict[str, Any] = {name: {"readOnly": True} for name in body.unread}
    left_out = (*body.defaults, *body.in_path)
    required = [name for name in schema.get("required", []) if name not in left_out]
    if body.version != "unread":
        beside["version"] = {"type": "integer", "minimum": 0}
    if body.version == "required":
        required.append("version")
    if body.dated:
        beside["effectiveDate"] = {"type": "string", "format": "date"}
    whole = schema | {"properties": {**schema.get("properties", {}), **beside}}
    return whole | ({"required": required} if required else {})


def _illustrate(document: dict[str, Any], bodies: Mapping[str, Body[Any]]) -> None:
    """Put an example beside every body and answer, once each, among the components."""
    examples = Examples(document["components"]["schemas"])
    by_name = {name: examples.of_body(body) for name, body in sorted(bodies.items())}
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        for content in (operation.get("requestBody", {}), *operation["responses"].values()):
            for media in content.get("content", {}).values():
                name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
                if name:
                    by_name.setdefault(name, examples.of_answer(name))
                    media["examples"] = {"example": {"$ref": f"#/components/examples/{name}"}}
    document["components"]["examples"] = {name: {"value": value} for name, value in sorted(by_name.items())}


def serve_pages(app: FastAPI) -> None:
    """Add `/docs` and the files that it loads to the app."""

    async def pages(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        page = get_swagger_ui_html(
            openapi_url=f"{root}{app.openapi_url}",
            title=app.title,
            swagger_js_url=f"{root}{_ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS_PATH}/favicon.png",
            swagger_ui_parameters=_SETTINGS,
        )
        return HTMLResponse(page.body, headers={"content-security-policy": NOT_ELSEWHERE})

    app.add_route("/docs", pages, include_in_schema=False)
    app.mount(_ASSETS_PATH, StaticFiles(packages=[_ASSETS]))
