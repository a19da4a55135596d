"""What may be done at a path: `allow` of OPTIONS and of a refused method."""

from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Scope


def allowed_at(scope: Scope) -> str:
    """The methods that this path has, for `allow`; empty for a path that there is not.

    Several routes may match it, and the framework's own answer knows the first of them alone.
    """
    methods = set[str]()
    for route in (context.original_route for context in iter_route_contexts(scope["app"].routes)):
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods | {"OPTIONS"})) if methods else ""


def allow_header(request: Request) -> dict[str, str]:
    """The header that an answer with 405 must have: the methods that would be taken."""
    return {"allow": allowed_at(request.scope)}
