"""The parts of an OpenAPI operation beside its handler's declarations: a stable name, the needed scopes, parameters of
the path, headers, and refusals, each with an example.

All of it follows from method and path, so new routes need nothing here.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.alias_generators import to_snake

from events.resources.bounds import TEXT_MAX
from services.api.routing import RESPONSES, phrase_of, refusal, response_name
from services.api.scopes import PREFIX, changes
from services.api.statuses import STATUSES
from services.commands.kind import Kind
from services.commands.refused import CommandError, InvalidField
from services.failures import Worded
from services.store.idempotency import KEY_LENGTH_MAX

Operation = dict[str, Any]

_PARAMETER = re.compile(r"^\{(\w+)\}$")
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Sent again with the same body, the first answer comes again and nothing is done twice; with"
    " another body or query it is refused with 409.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX},
}
#: Example values for the names in failures' messages.
_ABOUT = {"kind": "commitment", "id": "5aa39f0e-5b6c-541d-b5a1-ca246359e658", "organization": "acme", "limit": 1048576}
_ABOUT |= {"current": 2, "given": 1, "what": "bill jobs"}
_LIMITS = {429: 10}
_BAD_REQUEST = "A member or a parameter is missing, unknown, or against a rule; the message names each with its rule."
_INVALID = InvalidField(field="amount", rule="must be greater than 0")


def operation_id(method: str, path: str) -> str:
    """A name that is stable because the path is: `GET .../bills/latest/{account}` is `getBillsLatestByAccount`."""
    words = [method.lower()]
    for segment in path.removeprefix(PREFIX).split("/"):
        parameter = _PARAMETER.match(segment)
        named = f"by {parameter[1]}" if parameter else segment
        words += [word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", named) if word]
    return "".join(words)


def tag_of(path: str) -> str:
    """The resource that a path is about: its first word below the organization."""
    return path.removeprefix(PREFIX).split("/")[1]


def finish(document: dict[str, Any]) -> None:
    """Add to every operation of the document what follows from its method and path, and to the document the shared
    parts.
    """
    tags: dict[str, None] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _finish(method.upper(), path, operation)
            tags.setdefault(operation["tags"][0])
    document["tags"] = [{"name": name} for name in tags]
    document["components"]["responses"] = dict(_responses())


def _finish(method: str, path: str, operation: Operation) -> None:
    below = path.startswith(PREFIX)
    operation["operationId"] = operation_id(method, path)
    operation["tags"] = [tag_of(path)]
    operation.setdefault("description", f"{operation['summary']}.")
    operation.setdefault("security", [])
    parameters = [_of_path(parameter) for parameter in operation.get("parameters", ())]
    if below and method == "POST" and changes(method, path):
        parameters.append(_KEY)
    if parameters:
        operation["parameters"] = parameters
    responses = operation["responses"]
    responses.setdefault("200", {})["description"] = operation.get("summary", "Done") + "."
    for status in _refusals(method, path, operation):
        responses.setdefault(str(status), refusal(status))
    for words in ("4XX", "5XX"):
        responses[words] = {"$ref": RESPONSES.format(name=words)}
    operation["responses"] = dict(sorted(responses.items()))


def _of_path(parameter: dict[str, Any]) -> dict[str, Any]:
    if parameter["in"] != "path":
        return parameter
    name = parameter["name"]
    words = "The organization." if name == "orgId" else f"The id of the {'resource' if name == 'id' else name}."
    schema = {key: value for key, value in parameter["schema"].items() if key != "title"}
    bounds = {"minLength": 1, "maxLength": TEXT_MAX} if schema == {"type": "string"} else {}
    return {"description": words} | parameter | {"schema": schema | bounds}


def _refusals(method: str, path: str, operation: Operation) -> Iterator[int]:
    """The statuses of refusals that any operation of its kind may answer, beside those of its body."""
    yield from (400, 503)
    if operation["security"]:
        yield 401
    if path.startswith(PREFIX):
        yield from (403, 429)
        if "{" in path.removeprefix(PREFIX):
            yield 404
        if changes(method, path):
            yield 409


def _responses() -> Iterator[tuple[str, dict[str, Any]]]:
    """The response of each status, with all messages that it may have; and any other status of the two ranges."""
    by_status: dict[int, list[type[Exception]]] = {400: [], 401: [], 429: []}
    for kind, status in STATUSES:
        by_status.setdefault(status, []).append(kind)
    for status, kinds in sorted(by_status.items()):
        messages = [f"- `{_message(kind)}`" for kind in kinds if issubclass(kind, Worded) and kind is not CommandError]
        text = "\n".join([f"{phrase_of(status)}. The message says why, such as:", "", *messages])
        whole = text if messages else f"{phrase_of(status)}."
        if status == 400:
            whole = _BAD_REQUEST
        yield response_name(status), _answer(whole, _example(status, kinds))
    yield "4XX", _answer("Refused for another reason; the message says which.", {"message": "..."})
    yield "5XX", _answer("Not to be had now; the message says why.", {"message": "..."})


def _answer(description: str, example: Mapping[str, Any]) -> dict[str, Any]:
    content = {"schema": {"$ref": "#/components/schemas/Error"}, "example": example}
    return {"description": description, "content": {"application/json": content}}


def _example(status: int, kinds: list[type[Exception]]) -> dict[str, Any]:
    """The body of an error with this status, as an example."""
    if status == 400:
        return {"message": str(_INVALID)}
    worded = (_message(kind) for kind in kinds if issubclass(kind, Worded))
    message = next((text for text in worded if set(re.findall(r"{(\w+)", text)) <= _ABOUT.keys()), None)
    about = _ABOUT | {"limit": _LIMITS.get(status, _ABOUT["limit"])}
    return {"message": message.format(**about) if message else phrase_of(status)}


def _message(kind: type[Exception]) -> str:
    return " ".join((kind.__doc__ or "").split())


def summary_of(operation: str, kind: Kind) -> str:
    """What the operation does, in words: "Replace a counter pricing"."""
    name = to_snake(kind.name).replace("_", " ")
    many = f"{name[:-1]}ies" if name.endswith("cy") else f"{name}s"
    noun = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
    verb = "replace" if operation == "update" else operation
    return f"{verb.capitalize()} {many if operation in ('list', 'search') else noun}"
