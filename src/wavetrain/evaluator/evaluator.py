"""Evaluator: which features has an account, asked inside a program, whatever becomes of the control plane?

Nothing here ever raises into the program: who cannot be told gets its own default, and a code that says why.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from wavetrain.decide.activation import Answer
from wavetrain.errors import RefusedError, WavetrainError
from wavetrain.evaluator import kept
from wavetrain.evaluator.fetch import Source
from wavetrain.evaluator.local import Evaluation, Local
from wavetrain.wire.ofrep_messages import REASONS
from wavetrain.wire.snapshot_messages import ACCOUNTS_MAX

_log = logging.getLogger(__name__)

FIRST_S, AGAIN_S = 0.2, 15.0
"""How long to wait after the first failure, and at most."""
FOLLOW_S = 0.25
"""How long an evaluation waits for an account that it is the first to ask of."""


class Evaluator:
    """Features kept fresh by a thread of its own. For any thread."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        ca_file: str = "",
        file: Path | None = None,
        accounts: Iterable[str] = (),
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`file` keeps the last snapshot; `changed` is called when another came. Raises RefusedError for a bad url."""
        context = ssl.create_default_context(cafile=ca_file) if ca_file else None
        self._source, self._listening = (Source(url, token, context) for _ in range(2))
        self._file, self._on_change = file, changed
        self._accounts = dict.fromkeys(accounts)
        self._turn, self._state = threading.Lock(), threading.Condition()
        self._local: Local | None = None
        self._known_at: float | None = None
        self._listens = False
        self._ended = threading.Event()
        self._wanted = threading.Event()
        self._threads = [
            threading.Thread(target=deed, name=name, daemon=True)
            for deed, name in ((self._listen, "features"), (self._follow, "features-accounts"))
        ]

    def start(self, within_s: float = 0.0) -> bool:
        """Begin; wait so long for the first snapshot, kept or fetched. Whether there is one."""
        self._remember()
        for thread in self._threads:
            thread.start()
        with self._state:
            return self._state.wait_for(lambda: self._local is not None, within_s)

    def close(self) -> None:
        """End; the last snapshot goes on answering."""
        self._ended.set()
        self._wanted.set()
        self._listening.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(FIRST_S + 1.0)

    def evaluate(self, key: str, account: str, default: Any) -> Evaluation:
        """What an account has of a feature, or the default."""
        try:
            return self._evaluated(key, account, default)
        except Exception as error:
            _log.exception("feature %s could not be evaluated", key)
            return self._failed(default, "GENERAL", f"the evaluation failed: {type(error).__name__}")

    def all(self, account: str) -> dict[str, Evaluation]:
        """What it has of every feature; nothing where none are known."""
        try:
            local = self._local
            if local is None or not account:
                return {}
            self._ask_for(account, local)
            local = self._local or local
            return {str(one.key): self._told(one) for one in local.answers(account)}
        except Exception:
            _log.exception("features could not be evaluated")
            return {}

    @property
    def age_s(self) -> float | None:
        """How long ago the snapshot was known to be so; None without one."""
        at = self._known_at
        if at is None:
            return None
        return 0.0 if self._listens else max(0.0, time.time() - at)

    @property
    def listens(self) -> bool:
        """Whether changes are told at once."""
        return self._listens

    def _evaluated(self, key: str, account: str, default: Any) -> Evaluation:
        local = self._local
        if local is None:
            return self._failed(
                default, "PROVIDER_NOT_READY", "no features have come yet; see whether the url is right"
            )
        if not isinstance(account, str) or not account:
            return self._failed(
                default, "TARGETING_KEY_MISSING", "give the id of the account that is asked for"
            )
        self._ask_for(account, local)
        answer = (self._local or local).answer(account, key)
        if answer is None:
            return self._failed(default, "FLAG_NOT_FOUND", f"there is no feature {key[:120]}")
        return self._told(answer)

    def _told(self, answer: Answer) -> Evaluation:
        return Evaluation(
            value=answer.value,
            variant=answer.variant,
            reason=REASONS[answer.why].value,
            why=answer.why.value,
            age_s=self.age_s,
        )

    def _failed(self, default: Any, code: str, text: str) -> Evaluation:
        return Evaluation(value=default, reason="ERROR", error_code=code, error_text=text, age_s=self.age_s)

    def _ask_for(self, account: str, local: Local) -> None:
        """Of an account that nobody asked for before: have its standing fetched, and wait a moment for it.

        Until it has come it is evaluated as one that nobody has heard of.
        """
        if account in self._accounts or local.knows(account):
            return
        with self._state:
            if len(self._accounts) >= ACCOUNTS_MAX:
                self._accounts.pop(next(iter(self._accounts)))
            self._accounts[account] = None
            self._wanted.set()
            if self._listens:
                self._state.wait_for(lambda: self._local is not None and self._local.knows(account), FOLLOW_S)

    def _follow(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended.is_set():
                return
            with suppress(WavetrainError):  # the listener says so, and fetches all when it is back
                self._fetch("", is_all=True)

    def _listen(self) -> None:
        failures = 0
        while not self._ended.is_set():
            try:
                self._fetch("", is_all=failures == 0)
                for mark in self._listening.events():
                    self._fetch(mark)
                    self._listens, failures = True, 0
                    if self._ended.is_set():
                        break
            except WavetrainError as error:
                _log.warning("features are not fresh: %s", error)
            except Exception:
                _log.exception("features are not fresh")
            if self._listens:
                self._known_at = time.time()
            self._listens = False
            failures += 1
            self._ended.wait(min(AGAIN_S, FIRST_S * 2.0 ** min(failures, 10)) * random.uniform(0.5, 1.0))  # noqa: S311

    def _fetch(self, mark: str, is_all: bool = False) -> None:
        with self._turn:
            told = self._source.snapshot(tuple(self._accounts), mark, is_known=not is_all)
            at = time.time()
            self._known_at = at
            if told is None:
                return
            begun = time.monotonic()
            local = Local(told, lambda: time.monotonic() - begun)
            with self._state:
                self._local = local
                self._state.notify_all()
            if self._file is not None and not kept.write(self._file, kept.Kept(at=at, snapshot=told)):
                _log.warning("features are not kept: %s cannot be written", self._file)
        self._on_change()

    def _remember(self) -> None:
        """What an earlier run of the program has kept."""
        found = kept.read(self._file) if self._file is not None else None
        if found is None:
            return
        gone_s, begun = max(0.0, time.time() - found.at), time.monotonic()
        with suppress(RefusedError), self._state:
            self._local = Local(found.snapshot, lambda: gone_s + time.monotonic() - begun)
            self._known_at = found.at
