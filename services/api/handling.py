"""The arguments of a handler: steps that are prepared once, when its route is made, and run by each request.

Dependencies are declared in the framework's way, and each runs once, in order. The framework itself would inspect each
dependency's signature and kind again for each request, and read bodies that no handler wants: a third of the cost of a
GET.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from fastapi.params import Depends
from starlette.requests import Request
from starlette.responses import Response

Handling = Callable[[Request], Awaitable[Response]]
#: A function on the answer of a request before it is sent.
Closing = Callable[[Request, Response], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Step:
    """A function to call, with parts of the path by name, and with results of earlier steps by number; `asks`: the name
    of its parameter for the request itself.
    """

    call: Callable[..., Awaitable[Any]]
    asks: str | None
    parts: tuple[str, ...]
    given: tuple[tuple[str, int], ...]

    def arguments(self, request: Request, results: list[Any]) -> dict[str, Any]:
        """Its arguments for this request; `results` are those of the earlier steps."""
        arguments: dict[str, Any] = {name: results[number] for name, number in self.given}
        if self.asks is not None:
            arguments[self.asks] = request
        for name in self.parts:
            arguments[name] = request.path_params[name]
        return arguments


class UnknownArgumentError(TypeError):
    """A handler or dependency has a parameter that no step provides, or is no coroutine."""


def handling_of(
    endpoint: Callable[..., Any], before: Iterable[Depends], parts: Mapping[str, Any], closing: Closing
) -> Handling:
    """A function that runs the steps `before`, then the endpoint's dependencies, then the endpoint, then the closing
    step. `parts`: the names of the path's parameters.

    Raises: UnknownArgumentError.
    """
    order = _Order(parts)
    for dependency in before:
        order.place(dependency.dependency)
    order.place(endpoint)
    steps = tuple(order.steps)

    async def handle(request: Request) -> Response:
        results: list[Any] = []
        for step in steps:
            results.append(await step.call(**step.arguments(request, results)))
        return await closing(request, results[-1])

    return handle


def dependencies_of(call: Callable[..., Any]) -> dict[str, Any]:
    """The dependencies of a handler's or dependency's parameters, by name."""
    return {
        name: marker.dependency
        for name, parameter in inspect.signature(call).parameters.items()
        if get_origin(parameter.annotation) is Annotated
        for marker in get_args(parameter.annotation)[1:]
        if isinstance(marker, Depends) and marker.dependency is not None
    }


class _Order:
    """Orders the steps of a path with these `parts`, so that each comes after the steps that it depends on."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.steps: list[_Step] = []
        self._parts = parts
        #: The number of each step, by the id of the function that it calls.
        self._numbers: dict[int, int] = {}

    def place(self, call: Any) -> int:
        """The number of the step that calls this function; if there is none yet, it is added, after those that it
        depends on.

        Raises: UnknownArgumentError.
        """
        if id(call) not in self._numbers:
            self.steps.append(self._step(call))
            self._numbers[id(call)] = len(self.steps) - 1
        return self._numbers[id(call)]

    def _step(self, call: Any) -> _Step:
        if not (inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)):
            raise UnknownArgumentError(f"{call!r} is no coroutine function")
        asks, named = None, list[str]()
        depends = dependencies_of(call)
        for name, parameter in inspect.signature(call).parameters.items():
            if parameter.annotation is Request:
                asks = name
            elif name in self._parts:
                named.append(name)
            elif name not in depends:
                raise UnknownArgumentError(f"{call!r}: nothing gives {name}")
        given = tuple((name, self.place(dependency)) for name, dependency in depends.items())
        return _Step(call, asks, tuple(named), given)
