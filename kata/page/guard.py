"""Who may speak to the page: whoever has the link, from this machine, from this page.

Another site that is open in the same browser can make it send requests here. It has no token, its `Origin` is its own,
and a name that it lets point at this machine is a foreign `Host`. Websockets are asked the same.
"""

import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

HEADERS = [
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class Guard:
    """Lets through what comes with the token, for a known host, from no other page."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Iterable[str], port: int) -> None:
        self._app = app
        self._token = token
        self._cookie = f"kata-{port}"  # cookies are shared by all ports of a host
        self._places = {f"{_bracketed(host)}:{port}" for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4403})
        else:
            await refusal(scope, receive, _with_headers(send))

    def refusal(self, scope: Scope) -> Response | None:
        """What is answered instead of the page; None when it may be seen."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host", "").lower() not in self._places:
            return _refused(f"This page is not served under that name. Open {self._where()}.", 421)
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() not in self._places:
            return _refused("Another page may not speak to this one.", 403)
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        given = query.get("token", [""])[0]
        if scope["type"] == "http" and scope["method"] == "GET" and given and self._is_right(given):
            # Out of the address bar, the history and what is sent on: from here on the browser has a cookie.
            rest = urlencode({name: values[0] for name, values in query.items() if name != "token"})
            answer = RedirectResponse("/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            return answer
        if not self._is_right(_cookies(headers.get("cookie", "")).get(self._cookie, "")):
            return _refused("Open the link that `uv run kata page` printed: it holds the key to this page.", 403)
        return None

    def _is_right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _where(self) -> str:
        return f"http://{min(self._places)}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def _refused(text: str, status: int) -> Response:
    return PlainTextResponse(text + "\n", status, {"cache-control": "no-store"})


def _cookies(header: str) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}


def _with_headers(send: Send) -> Send:
    async def sending(message: dict) -> None:  # type: ignore[type-arg]
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *HEADERS]}
        await send(message)

    return sending  # type: ignore[return-value]
