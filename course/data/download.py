"""Downloads that go on after a broken connection, and files that are whole or not there."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

TIMEOUT = 20.0  # seconds without an answer
PAUSES = (1.0, 3.0, 10.0)  # seconds before each new try on a connection that broke
CHUNK = 1 << 18


class DataUnavailable(RuntimeError):
    """A data set is neither on this computer nor to be had from the network; the message says what to do."""


@dataclass(frozen=True)
class Remote:
    """A file on the network: where it can be had (the same at each address), and how to know it."""

    urls: tuple[str, ...]
    md5: str

    @property
    def name(self) -> str:
        """Its file name."""
        return self.urls[0].rsplit("/", 1)[-1]


class _FailedError(Exception):
    """This address does not give the file."""


class _BrokenError(Exception):
    """The connection failed or broke: another try may help."""


def data_folder(root: str | os.PathLike[str] | None = None) -> Path:
    """Where downloaded data lives: `root`, else the environment's COURSE_DATA, else ~/.cache/cv-course."""
    return Path(root or os.environ.get("COURSE_DATA") or "~/.cache/cv-course").expanduser()


def fetch(file: Remote, folder: Path, title: str, instead: str) -> Path:
    """Download a file into a folder, unless it is there already.

    Bytes are collected in `<name>.part`. If the connection breaks, the next try, or the next call, asks the server for
    the rest (an HTTP Range request); a server that sends all of it again is fine, too. Only a whole file
    with the right checksum gets its name, by one atomic rename. Let no two processes call this for one file at once.

    Args:
        file: what to download.
        folder: where to put it; it must exist.
        title: what the data is called, for messages.
        instead: what else one can use, for messages; it completes "or use …".

    Returns:
        The file's path.

    Raises:
        DataUnavailable: no address gave the file, or a file of that name is there and has another checksum.
    """
    path, part = folder / file.name, folder / f"{file.name}.part"
    if path.exists():
        if (found := md5(path)) != file.md5:
            raise DataUnavailable(
                f"{path} is not the {title} file: its md5 is {found}, not {file.md5}.\n"
                "Perhaps it was not copied to the end. Delete it to have it downloaded, or put the right one there."
            )
        return path
    reasons = []
    for url in file.urls:
        try:
            _complete(url, part, file)
        except _FailedError as failed:
            reasons.append(f"{url}: {failed}")
        else:
            os.replace(part, path)
            return path
    raise DataUnavailable(_advice(file, path, part, reasons, title, instead))


def md5(path: Path) -> str:
    """A file's md5 checksum, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _advice(file: Remote, path: Path, part: Path, reasons: Sequence[str], title: str, instead: str) -> str:
    kept = f"{_size(part) / 1e6:.1f} MB of it are kept: call again to continue.\n" if _size(part) else ""
    return (
        f"{title} is not on this computer, and downloading it did not work.\n"
        + "".join(f"Tried {reason}\n" for reason in reasons)
        + kept
        + f"Without a network: get {file.name} elsewhere (md5 {file.md5}), put it at\n{path}\nor use {instead}"
    )


def _complete(url: str, part: Path, file: Remote) -> None:
    """Bring the part to its end and check it; a wrong file is removed."""
    for resumed in (_size(part) > 0, False):
        _receive_all(url, part)
        if (found := md5(part)) == file.md5:
            return
        part.unlink()
        if not resumed:  # otherwise the old piece may be to blame: once more, from the start
            raise _FailedError(
                f"what came is not the file and was removed (md5 {found}, not {file.md5}); "
                "perhaps the network answered with a page of its own, such as a login"
            )


def _receive_all(url: str, part: Path) -> None:
    """Receive until the file is complete. Try again, after a pause, as long as tries bring new bytes."""
    start = most = _size(part)
    tries = 0
    while True:
        try:
            return _receive(url, part)
        except _BrokenError as broken:
            if _size(part) > most:
                most, tries = _size(part), 0
            if most == start or tries == len(PAUSES):  # nothing came at all, or nothing more comes
                raise _FailedError(str(broken)) from None
        time.sleep(PAUSES[tries])
        tries += 1


def _receive(url: str, part: Path) -> None:
    """One connection: append what the part lacks, or write it anew if the server sends everything."""
    from tqdm.auto import tqdm

    have = _size(part)
    response = _ask(url, have)
    if response is None:
        return
    with response:
        have = have if response.status == 206 else 0
        total = None if response.length is None else have + response.length
        name = part.name.removesuffix(".part")
        with (
            part.open("ab" if have else "wb") as file,
            tqdm(desc=name, initial=have, total=total, unit="B", unit_scale=True) as bar,
        ):
            while chunk := _read(response):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and _size(part) < total:  # http.client does not tell
        raise _BrokenError(f"the connection broke after {_size(part) / 1e6:.1f} of {total / 1e6:.1f} MB")


def _ask(url: str, have: int) -> HTTPResponse | None:
    """Request all bytes from the `have`-th on; None if there are no more."""
    headers = {"User-Agent": "cv-course", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        return urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if error.code == 416 and have:  # no such range: the part is complete, or too long; the checksum will tell
            return None
        raise _BrokenError(f"HTTP {error.code} {error.reason}") from None
    except (OSError, HTTPException) as error:
        raise _BrokenError(str(getattr(error, "reason", None) or error or type(error).__name__)) from None


def _read(response: HTTPResponse) -> bytes:
    """The next bytes. Errors of the network are told apart from errors of the disk here."""
    try:
        return response.read(CHUNK)
    except (OSError, HTTPException) as error:
        raise _BrokenError(f"the connection broke ({error or type(error).__name__})") from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
