"""The calls of docs/http-api.md that a chat needs."""

from __future__ import annotations

from typing import Any

import httpx

TIMEOUT_S = 10.0


class ApiError(Exception):
    """A refused call: `code` is a number of docs/protocol.md or docs/http-api.md, or None if Kefu did not answer."""

    def __init__(self, status: int, code: int | None, title: str, retry_after_s: float | None) -> None:
        super().__init__(f"{status} {code or ''} {title}")
        self.status, self.code, self.title, self.retry_after_s = status, code, title, retry_after_s


def problem(status: int, headers: Any, body: bytes) -> ApiError:
    """The error in an answer. Only Kefu's own answers are problem documents with a `code`."""
    code, title = None, body[:200].decode("utf-8", "replace")
    if headers.get("content-type", "").startswith("application/problem+json"):
        try:
            document = httpx.Response(200, content=body).json()
            code, title = document.get("code"), document.get("title", "")
        except ValueError:
            pass
    retry_after = headers.get("retry-after", "")
    return ApiError(status, code, title, float(retry_after) if retry_after.isdigit() else None)


class Api:
    """`token` is the session token of an agent or the visitor token of a visitor, once there is one."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url, self.token = base_url.rstrip("/"), token
        self.http = httpx.AsyncClient(base_url=self.base_url, timeout=TIMEOUT_S)

    async def visit(self, name: str | None = None, visitor_token: str | None = None) -> dict[str, Any]:
        """Becomes a visitor, or the same one again: `{user_id, visitor_token, expires_at, support_conversation}`."""
        body = {"name": name, "visitor_token": visitor_token}
        visitor = await self.call("POST", "/api/kehu/session", {k: v for k, v in body.items() if v is not None})
        self.token = visitor["visitor_token"]
        return visitor

    async def login(self, username: str, password: str) -> dict[str, Any]:
        """Becomes an agent: `{session_token, expires_at, user}`."""
        login = await self.call("POST", "/api/kefu/login", {"username": username, "password": password})
        self.token = login["session_token"]
        return login

    async def history(self, conversation: str, **query: Any) -> dict[str, Any]:
        """A page of history: `{items, epoch, rev, seq, prev?, next?, session?, members}`; the last one by default."""
        return await self.call("GET", "/api/v1/chat/messages", params={"conversation_id": conversation, **query})

    async def call(self, method: str, path: str, body: Any = None, params: dict[str, Any] | None = None) -> Any:
        response = await self.http.request(method, path, json=body, params=params, headers=self.authorization())
        if response.is_error:
            raise problem(response.status_code, response.headers, response.content)
        return response.json() if response.content else None

    async def post_json(self, path: str, content: bytes) -> None:
        """A body that is JSON already, for an answer that has none."""
        headers = {**self.authorization(), "Content-Type": "application/json"}
        response = await self.http.post(path, content=content, headers=headers)
        if response.is_error:
            raise problem(response.status_code, response.headers, response.content)

    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def close(self) -> None:
        await self.http.aclose()
