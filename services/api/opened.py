"""The last step of every request: personal texts in its answer are opened, if the caller may read them."""

from starlette.requests import Request
from starlette.responses import Response

from services.api.wire import AsItStands, raw_answer
from services.personal.opening import may_hold_sealed, opened_json


async def opened_answer(request: Request, response: Response) -> Response:
    """The answer without sealed texts. Files are written from opened texts already.

    Raises: NoPersonalKeyError, WrongPersonalKeyError, PostgresUnreachableError.
    """
    payload = getattr(response, "body", b"")  # a streamed answer has no body
    if response.media_type != "application/json" or isinstance(response, AsItStands) or not may_hold_sealed(payload):
        return response
    organization, api = request.path_params["orgId"], request.app.state.api
    opened = await opened_json(api.postgres.of(organization), organization, api.keyring, payload)
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return raw_answer(opened, response.status_code, headers)
