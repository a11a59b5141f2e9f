"""One file over HTTP that may take several attempts: what has come is kept and gone on with.

The part lies beside its final place as ``<file>.part``, with ``<file>.part.json`` that says what
it is a part of. It goes on by a range request (RFC 9110, section 14) where the server still has
the same file, and starts again where it has another or knows no ranges.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from emoscope.errors import DatasetError
from emoscope.models import store
from emoscope.models.atomic import digest as sha256_of
from emoscope.models.download import CONNECT_S, READ_S

Progress = Callable[[int, int | None], None]  # (bytes so far, bytes in all if known)

_CHUNK = 64 * 1024
_MOST_BYTES = 64 * 1024**3  # where neither catalog nor server states a size


class _BrokenOffError(requests.RequestException):
    """The transfer ended early."""


@dataclass(frozen=True)
class _Source:
    """What a part is a part of.

    Attributes:
        url: where it comes from.
        validator: the server's ETag, or the date of the last change; "" where it tells neither.
        size_bytes: of the whole file, None where the server does not say.
    """

    url: str
    validator: str
    size_bytes: int | None


def download(
    url: str,
    target: Path,
    *,
    size_bytes: int | None = None,
    digest: str = "",
    progress: Progress | None = None,
) -> str:
    """Fetch ``url`` to ``target``, going on where an earlier attempt ended; one attempt.

    Where ``target`` is there already, it is only checked.

    Args:
        url: http or https.
        target: the file; its folder must be there. Only a whole, checked file comes to stand there.
        size_bytes: the published size, None where there is none.
        digest: the published digest, ``sha256:<hex>`` or ``md5:<hex>``; "" where there is none.
        progress: called with bytes so far and bytes in all.

    Returns:
        SHA-256 of the file in hexadecimal.

    Raises:
        DatasetError: offline, no connection, a broken transfer (the part is kept), another file
            than the published one (nothing is kept), or the folder cannot be written.
    """
    if target.is_file():
        return _checked(target, url, digest)
    if store.is_offline():
        raise DatasetError(
            f"EMOSCOPE_OFFLINE forbids the network; unset it, or bring {target.name} from {url}"
        )
    part, memo = _part_of(target), _memo_of(target)
    try:
        _transfer(url, part, memo, size_bytes, progress)
        sha256 = _checked(part, url, digest, memo)
        part.replace(target)
        memo.unlink(missing_ok=True)
    except requests.RequestException as error:
        raise DatasetError(f"{_reason(error, url)}; {_kept(part)}") from error
    except OSError as error:
        raise DatasetError(
            f"{target.parent}: cannot write there: {error.strerror or error}; {_kept(part)}"
        ) from error
    return sha256


def _part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _memo_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.json")


def _transfer(
    url: str, part: Path, memo: Path, size_bytes: int | None, progress: Progress | None
) -> None:
    earlier = _recall(memo, url)
    start = part.stat().st_size if earlier is not None and part.is_file() else 0
    if earlier is not None and start:
        if start == earlier.size_bytes:
            return  # whole, but the last attempt ended before it was checked
        with _ask(url, earlier, start) as response:
            if response.status_code == requests.codes.partial:
                if _goes_on(response, earlier, start):
                    _receive(response, url, part, memo, start, size_bytes, progress)
                    return
            elif response.status_code == requests.codes.ok:  # knows no ranges, or another file
                _receive(response, url, part, memo, 0, size_bytes, progress)
                return
            elif response.status_code != requests.codes.requested_range_not_satisfiable:
                response.raise_for_status()
    with _ask(url) as response:
        _receive(response, url, part, memo, 0, size_bytes, progress)


def _ask(url: str, earlier: _Source | None = None, start: int = 0) -> requests.Response:
    headers = {"Accept-Encoding": "identity"}  # lengths and ranges count the bytes of the file
    if earlier is not None:
        headers["Range"] = f"bytes={start}-"
        if earlier.validator:
            headers["If-Range"] = earlier.validator
    return requests.get(url, headers=headers, stream=True, timeout=(CONNECT_S, READ_S))


def _goes_on(response: requests.Response, earlier: _Source, start: int) -> bool:
    """Whether a partial answer continues the part that is here."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if span is None or int(span[1]) != start:
        return False
    same_size = earlier.size_bytes is None or span[2] in ("*", str(earlier.size_bytes))
    validator = _validator(response)
    return same_size and (not validator or validator == earlier.validator)


def _receive(
    response: requests.Response,
    url: str,
    part: Path,
    memo: Path,
    start: int,
    size_bytes: int | None,
    progress: Progress | None,
) -> None:
    response.raise_for_status()
    length = response.headers.get("Content-Length", "")
    plain = "Content-Encoding" not in response.headers
    total = start + int(length) if length.isdigit() and plain else None
    if size_bytes is not None and total is not None and total != size_bytes:
        _forget(part, memo)
        raise DatasetError(
            f"{url}: not the published file: expected {size_bytes} bytes, the server has {total}"
        )
    total = total if total is not None else size_bytes
    _check_room(part.parent, (total or 0) - start)
    memo.write_text(json.dumps(asdict(_Source(url, _validator(response), total))), "utf-8")
    done, most = start, total if total is not None else _MOST_BYTES
    with part.open("r+b" if start else "wb") as file:
        file.seek(start)
        for chunk in _chunks(response):
            if done + len(chunk) > most:
                _forget(part, memo)
                raise DatasetError(f"{url}: not the published file: longer than {most} bytes")
            file.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, total)
    if total is not None and done < total:
        raise _BrokenOffError


def _chunks(response: requests.Response) -> Iterator[bytes]:
    try:
        yield from response.iter_content(_CHUNK)
    except requests.RequestException as error:
        raise _BrokenOffError from error


def _validator(response: requests.Response) -> str:
    etag = response.headers.get("ETag", "")
    # A weak ETag promises the same meaning, not the same bytes.
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified", "")


def _recall(memo: Path, url: str) -> _Source | None:
    try:
        found: Any = json.loads(memo.read_text("utf-8"))
        source = _Source(found["url"], found["validator"], found["size_bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = isinstance(source.validator, str) and isinstance(source.size_bytes, int | None)
    return source if known and source.url == url else None


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DatasetError(
            f"{folder}: the disk is too full: {megabytes(needed)} are needed, "
            f"{megabytes(free)} are free"
        )


def _checked(path: Path, url: str, want: str, memo: Path | None = None) -> str:
    """SHA-256 of a whole file, which is removed where it is not the published one."""
    sha256 = sha256_of(path)
    kind, _, expected = want.rpartition(":")
    got = sha256
    if kind == "md5":
        with path.open("rb") as file:  # MD5 is what Zenodo publishes: it finds accidents
            got = hashlib.file_digest(file, "md5").hexdigest()
    if expected and got != expected.lower():
        _forget(path, memo)
        raise DatasetError(
            f"{url}: not the published file: expected {kind} {expected}, got {got}; "
            "nothing was kept, try again later"
        )
    return sha256


def _forget(part: Path, memo: Path | None) -> None:
    part.unlink(missing_ok=True)
    if memo is not None:
        memo.unlink(missing_ok=True)


def _reason(error: requests.RequestException, url: str) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} for {url}"
    if isinstance(error, requests.Timeout):
        return f"no answer in time from {url}"
    if isinstance(error, _BrokenOffError):
        return f"the connection broke off during {url}"
    return f"cannot reach {url}"


def _kept(part: Path) -> str:
    if not part.is_file() or not part.stat().st_size:
        return "try again later"
    return f"{megabytes(part.stat().st_size)} are kept: run the same command again to go on"


def megabytes(size: int) -> str:
    """A size as people read it: ``"208.5 MB"``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
