"""Hammering: clients of a control plane that ask again and again, and remember every request that failed."""

import asyncio
import ssl
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

ANSWER_WITHIN_S = 60.0
EVERY_S = 0.06


class Hammer:
    """Clients that keep their connection, and clients that open one for each request, in a thread of their own."""

    def __init__(self, url: str, authority: Path, token: str, ways: tuple[str, ...], each: int = 2) -> None:
        self._url, self._token, self._ways, self._each = url, token, ways, each
        self._context = ssl.create_default_context(cafile=authority)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="hammer")
        self.asked = 0
        self.failed: list[str] = []
        self.slowest_s = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(
            *(self._keep(way) for way in self._ways for _ in range(self._each)),
            *(self._anew(way) for way in self._ways),
        )

    async def _keep(self, way: str) -> None:
        async with self._client() as client:
            while not self._ended.is_set():
                await self._ask(client, way)

    async def _anew(self, way: str) -> None:
        while not self._ended.is_set():
            async with self._client() as client:
                await self._ask(client, way)

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url,
            verify=self._context,
            trust_env=False,
            timeout=ANSWER_WITHIN_S,
            headers={"Authorization": f"Bearer {self._token}"},
        )

    async def _ask(self, client: httpx.AsyncClient, way: str) -> None:
        begun = time.monotonic()
        try:
            answer = await client.get(way)
            if answer.status_code != httpx.codes.OK:
                self.failed.append(f"{way}: {answer.status_code} {answer.text[:200]}")
        except httpx.HTTPError as error:
            self.failed.append(f"{way}: {error!r}")
        self.asked += 1
        self.slowest_s = max(self.slowest_s, time.monotonic() - begun)
        await asyncio.sleep(EVERY_S)
