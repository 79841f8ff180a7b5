"""Browsing: a browser without a screen, that keeps cookies, sends forms, and follows nothing by itself."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any

import httpx


class Browser:
    """One person's."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.cookies: dict[str, str] = {}

    def ask(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """GET, or POST where there are fields."""

        answer = asyncio.run(self._asked(path, fields, headers))
        for line in answer.headers.get_list("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0]
            assert "Secure; HttpOnly; SameSite=Lax" in line
            assert "Path=/;" in line
            assert "Domain" not in line
            if value:
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def ask_at_once(self, path: str, forms: Sequence[dict[str, str]]) -> list[httpx.Response]:
        """Send forms without waiting for an answer between them."""

        async def asked() -> list[httpx.Response]:
            return list(await asyncio.gather(*(self._asked(path, fields, {}) for fields in forms)))

        return asyncio.run(asked())

    async def _asked(
        self, path: str, fields: dict[str, str] | None, headers: dict[str, str]
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://doors") as client:
            kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(
                "GET" if fields is None else "POST",
                path,
                data=fields,
                headers=({"cookie": kept} if kept else {}) | sent,
            )

    def sheet(self, path: str) -> dict[str, str]:
        """What the last form of a page carries unseen; for it to be sent back."""
        text = self.ask(path).text
        return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text))

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Fill in the page's form, and send it."""
        return self.ask(path, self.sheet(path) | fields)
