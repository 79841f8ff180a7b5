"""A small release for tests: a program that answers on the sockets that its supervisor lends it."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import msgspec

START = '#!/bin/sh\nexec "$WAVETRAIN_PYTHON" -I -S program.py\n'
PROGRAM = """
import json, os, pathlib, selectors, signal, socket, sys, time
told = json.load(open("release.json"))
shared = pathlib.Path(os.environ["WAVETRAIN_SHARED"])
assert os.environ["LISTEN_PID"] == str(os.getpid())
names = os.environ["LISTEN_FDNAMES"].split(":")
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
with open(shared / "starts", "a") as starts:
    starts.write(f"{told['version']} {os.getpid()}\\n")
inside = socket.socket(socket.AF_UNIX)
inside.bind(os.environ["WAVETRAIN_ADMIN_SOCKET"])
inside.listen(16)
doors = {"inside": inside}
doors.update({name: socket.socket(fileno=3 + n) for n, name in enumerate(names)})
selector = selectors.DefaultSelector()
for name, door in doors.items():
    door.setblocking(False)
    selector.register(door, selectors.EVENT_READ, name)

def well():
    return not told.get("waits_for") or (shared / told["waits_for"]).exists()

def answer(name, door):
    try:
        asking, _ = door.accept()
    except BlockingIOError:
        return
    asking.settimeout(1)
    if name != "sessions":
        asking.recv(4096)
        body = told["version"].encode()
        if well():
            asking.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%b" % (len(body), body))
        else:
            asking.sendall(b"HTTP/1.0 503 Not Yet\\r\\nContent-Length: 0\\r\\n\\r\\n")
    else:
        asking.sendall(told["version"].encode() + b"\\n")
    asking.close()

while not ended:
    for key, _ in selector.select(0.02):
        answer(key.data, key.fileobj)
    if (shared / f"crash-{told['version']}").exists():
        (shared / f"crash-{told['version']}").unlink()
        os._exit(9)
for name in names:
    selector.unregister(doors[name])
    doors[name].close()
if told.get("deaf"):
    time.sleep(60)
time.sleep(0.1)
"""


class Artifact(msgspec.Struct, frozen=True):
    """The bytes of a release."""

    number: str
    content: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.number}.tar.gz"
        path.write_bytes(self.content)
        return path


def release(number: str, *, waits_for: str = "", deaf: bool = False) -> Artifact:
    """Healthy once the file `waits_for` is in the shared folder; `deaf` to SIGTERM, save that it stops to accept."""
    told = {"component": "gateway", "version": number, "waits_for": waits_for, "deaf": deaf}
    files = {"release.json": json.dumps(told), "start": START, "program.py": PROGRAM}
    return Artifact(number, packed({name: text.encode() for name, text in files.items()}))


def packed(files: dict[str, bytes], *more: tarfile.TarInfo) -> bytes:
    """A tar.gz of these files, and of members without content."""
    content = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=content, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w") as archive,
    ):
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            member.mode = 0o755 if name == "start" else 0o644
            archive.addfile(member, io.BytesIO(text))
        for member in more:
            archive.addfile(member)
    return content.getvalue()
