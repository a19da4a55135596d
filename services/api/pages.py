"""GET /docs: the OpenAPI document as pages to read and to try. All that they need comes from this process."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

#: Swagger UI as the package `fastapi-offline` ships it.
_ASSETS, _ASSETS_PATH = ("fastapi_offline", "static"), "/docs/assets"
#: Nothing is asked of any other host, and resources are folded so that all of them fit on a screen.
_SETTINGS = {"validatorUrl": None, "docExpansion": "none", "defaultModelsExpandDepth": 0, "filter": True}
#: A browser asks nothing of another host either, whatever the document says. The page has its script and style in it.
NOT_ELSEWHERE = "default-src 'self' 'unsafe-inline' data:"


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
