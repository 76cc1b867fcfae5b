"""Fetch an image by URL, without becoming a door into the user's network.

A URL often comes from someone else (a request to a server, a dataset). So:

- http and https only, no credentials in the URL, no proxies from the environment;
- the host is resolved once, every address must be a public one, and the connection goes to the very address
  that was checked: a name that resolves differently the next time ("DNS rebinding") gains nothing;
- each redirect is checked like the first URL;
- one deadline over everything from connecting to the last byte, so a server that drips cannot hold us;
  only name resolution is outside it, the system's resolver has its own time limits;
- the body is refused by its announced length, and again while it streams.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from dataclasses import dataclass
from typing import IO, Any, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from locany.errors import ImageFetchError, ImageTooLargeError

DEFAULT_MAX_BYTES = 50 * 1024 * 1024
_CHUNK = 64 * 1024
# What stays as it is when a URL is quoted: also "%", so what is quoted already is not quoted again.
_SAFE = "/%:=&?~+!$,;'@()*[]|-._#"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_SHOWN = 200  # characters of a URL in a message
_GET_IT_YOURSELF = "download it another way and pass the path or bytes"
# IPv6 addresses that carry an IPv4 address, as ipaddress knows of 6to4 and Teredo: NAT64 (RFC 6052).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def fetch_url(
    url: str,
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    timeout: float = 10.0,
    max_redirects: int = 3,
    allow_private: bool = False,
) -> bytes:
    """Fetch the bytes behind a URL that says it serves an image.

    Args:
        url: http or https.
        max_bytes: of the body.
        timeout: seconds for everything after name resolution, redirects included.
        max_redirects: how many are followed.
        allow_private: also fetch from this machine and private networks. Only for URLs you wrote yourself.

    Returns:
        The body: content type image/* or application/octet-stream, not looked into.

    Raises:
        ImageFetchError: the URL may not be fetched, or fetching failed.
        ImageTooLargeError: the body is longer than `max_bytes`.
    """
    deadline = time.monotonic() + timeout
    current = url
    for _ in range(max_redirects + 1):
        target = _parse(current)
        addresses = _resolve(target, allow_private)
        answer = _request(target, addresses, deadline, timeout, max_bytes)
        if isinstance(answer, bytes):
            return answer
        current = urljoin(current, answer)
    raise _error(
        url,
        f"more than {max_redirects} redirects, the last to {shown_url(current)}",
        "an image",
        _GET_IT_YOURSELF,
    )


def shown_url(url: str) -> str:
    """A URL for messages: without user name, password and query, which may be secrets, and not too long."""
    without_query = re.split(r"[?#]", url, maxsplit=1)[0]
    plain = re.sub(r"(?<=//)[^/\\]*@", "", without_query)
    return plain if len(plain) <= _MAX_SHOWN else f"{plain[: _MAX_SHOWN - 3]}..."


@dataclass(frozen=True)
class _Target:
    """One checked URL. `host` is ASCII and without brackets, `path` is quoted and carries the query."""

    url: str
    is_https: bool
    host: str
    port: int
    path: str


def _parse(url: str) -> _Target:
    """Take a URL apart; refuse what is not plain http(s)."""
    expected = "an http or https URL of an image"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _error(url, f"not a valid URL ({error})", expected, "correct it") from error
    if parts.scheme not in ("http", "https"):
        raise _error(url, f"scheme '{parts.scheme}' is not fetched", expected, _GET_IT_YOURSELF)
    if parts.username is not None or parts.password is not None:
        raise _error(url, "it carries a user name or password", "a URL without credentials", _GET_IT_YOURSELF)
    if not parts.hostname:
        raise _error(url, "it names no host", expected, "correct it")
    try:
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _error(url, f"its host name is not valid ({error})", expected, "correct it") from error
    if re.search(r"[\x00-\x20\x7f]", host):
        raise _error(url, "its host name holds spaces or control characters", expected, "correct it")
    path = parts.path or "/"
    if parts.query:
        path += f"?{parts.query}"
    path = quote(path, safe=_SAFE)
    is_https = parts.scheme == "https"
    if port is None:
        port = 443 if is_https else 80
    return _Target(url, is_https, host, port, path)


class _Address(NamedTuple):
    """What the resolver said, in the form that `socket.connect` takes; the host in it is numeric."""

    family: int
    sockaddr: tuple[Any, ...]

    @property
    def ip(self) -> str:
        return str(self.sockaddr[0])


def _resolve(target: _Target, allow_private: bool) -> list[_Address]:
    """The addresses of the host, in the resolver's order; all of them public, or refused."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _error(
            target.url,
            f"the host name '{target.host}' could not be resolved ({error})",
            "a host that exists",
            f"check the spelling and your network, or {_GET_IT_YOURSELF}",
        ) from error
    addresses = [_Address(family, sockaddr) for family, _, _, _, sockaddr in found]
    if not allow_private:
        # One private address among public ones is refused as well: that mixture is how rebinding looks.
        for address in addresses:
            reason = why_not_public(address.ip)
            if reason:
                raise _error(
                    target.url,
                    f"'{target.host}' is {address.ip}, {reason}",
                    "a public address",
                    f"{_GET_IT_YOURSELF}, or, if the URL is "
                    "your own, fetch it with locany.image.fetch.fetch_url(url, allow_private=True)",
                )
    return addresses


def why_not_public(address: str) -> str | None:
    """Why an IP address is not one of the public internet, in words; None if it is."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return why_not_public(str(ip.ipv4_mapped))
        for inner in _carried_ipv4(ip):
            reason = why_not_public(str(inner))
            if reason:
                return f"which carries {inner}, {reason}"
    if ip.is_unspecified:
        return "the unspecified address"
    if ip.is_loopback:
        return "a loopback address (this machine)"
    if ip.is_link_local:
        return "a link-local address"
    if ip.is_multicast:
        return "a multicast address"
    if not ip.is_global or (isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local):
        return "a private or reserved address"
    return None


def _carried_ipv4(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that a tunnel would deliver to."""
    carried = [ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [inner for inner in carried if inner is not None]


def _request(
    target: _Target, addresses: list[_Address], deadline: float, timeout: float, max_bytes: int
) -> bytes | str:
    """One request: the body, or the location that a redirect names."""
    connection: _PinnedConnection | None = None
    try:
        connection = _PinnedConnection(target, addresses, deadline)
        connection.request("GET", target.path, headers={"User-Agent": "locany", "Accept": "image/*"})
        response = connection.getresponse()
        if response.status in _REDIRECTS:
            location = response.getheader("Location")
            if not location:
                raise _error(
                    target.url, f"status {response.status} without a location", "an image", _GET_IT_YOURSELF
                )
            return quote(location, safe=_SAFE, encoding="latin-1")  # as http.client decodes headers
        _check_head(target.url, response, max_bytes)
        return _read_body(target.url, response, max_bytes)
    except TimeoutError as error:
        raise _error(
            target.url,
            f"not finished after {timeout:g} seconds",
            "an answer in time",
            f"try again, pass a longer timeout to fetch_url, or {_GET_IT_YOURSELF}",
        ) from error
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: headers that do not parse
        raise _error(
            target.url,
            f"the connection failed ({error or type(error).__name__})",
            "an image over http",
            f"check the URL and your network, or {_GET_IT_YOURSELF}",
        ) from error
    finally:
        if connection is not None:
            connection.hang_up()


def _check_head(url: str, response: http.client.HTTPResponse, max_bytes: int) -> None:
    """Refuse by status, content type, encoding or announced length."""
    if response.status != 200:
        raise _error(
            url,
            f"the server says {response.status} {response.reason}",
            "status 200",
            "check the URL in a browser",
        )
    content_type = (response.getheader("Content-Type") or "").split(";")[0].strip().lower()
    if not content_type.startswith("image/") and content_type != "application/octet-stream":
        raise _error(
            url,
            f"the server sends '{content_type or 'no content type'}'",
            "content type image/* or application/octet-stream",
            "take the address of the image itself, not of the page around it",
        )
    encoding = (response.getheader("Content-Encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise _error(url, f"the body is packed with '{encoding}'", "a plain body", _GET_IT_YOURSELF)
    if response.length is not None and response.length > max_bytes:
        raise _too_large(url, f"{response.length:,}", max_bytes)


def _read_body(url: str, response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    announced = response.length
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > max_bytes:
            raise _too_large(url, f"more than {max_bytes:,}", max_bytes)
    if announced is not None and len(body) < announced:
        raise _error(
            url, f"cut short, {len(body):,} of {announced:,} bytes came", "the whole image", "try again"
        )
    if not body:
        raise _error(url, "the body is empty", "an image", "check the URL in a browser")
    return bytes(body)


class _PinnedConnection(http.client.HTTPConnection):
    """Connects to one of the given addresses; the host name serves for the Host header and TLS only."""

    def __init__(self, target: _Target, addresses: list[_Address], deadline: float):
        super().__init__(target.host, target.port)
        if target.is_https:
            self.default_port = 443  # otherwise the Host header would name the port
        self._target, self._addresses, self._deadline = target, addresses, deadline
        self._wire: socket.socket | None = None

    def connect(self) -> None:
        failure: OSError | None = None
        for tried, address in enumerate(self._addresses):
            # An address that does not answer must leave time for the next.
            seconds = _seconds_left(self._deadline) / (len(self._addresses) - tried)
            try:
                self._wire = _connect(address, seconds)
                break
            except OSError as error:  # perhaps no route for IPv6: the next address may be IPv4
                failure = error
        if self._wire is None:
            raise failure or OSError("the host has no address")
        if self._target.is_https:
            self._wire.settimeout(_seconds_left(self._deadline))
            context = ssl.create_default_context()
            self._wire = context.wrap_socket(self._wire, server_hostname=self._target.host)
        self.sock = _DeadlineSocket(self._wire, self._deadline)

    def hang_up(self) -> None:
        """Close the wire for good (http.client's own close must not, see _DeadlineSocket.close)."""
        self.close()
        if self._wire is not None:
            self._wire.close()


def _connect(address: _Address, seconds: float) -> socket.socket:
    wire = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        wire.settimeout(seconds)
        wire.connect(address.sockaddr)
    except OSError:
        wire.close()
        raise
    return wire


class _DeadlineSocket:
    """The little of a socket that http.client uses, each call under what is left of one deadline.

    A socket's own timeout starts again with every byte that arrives.
    """

    def __init__(self, wire: socket.socket, deadline: float):
        self._wire, self._deadline = wire, deadline

    def sendall(self, data: bytes) -> None:
        self._wire.settimeout(_seconds_left(self._deadline))
        self._wire.sendall(data)

    def makefile(self, mode: str) -> IO[bytes]:
        assert mode == "rb"
        return io.BufferedReader(_DeadlineReader(self._wire, self._deadline))

    def close(self) -> None:
        """Nothing: http.client closes its socket while the response is still to be read from it."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, wire: socket.socket, deadline: float):
        self._wire, self._deadline = wire, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._wire.settimeout(_seconds_left(self._deadline))
        return self._wire.recv_into(buffer)


def _seconds_left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("out of time")
    return left


def _error(url: str, cause: str, expected: str, advice: str) -> ImageFetchError:
    return ImageFetchError(f"{shown_url(url)}: {cause}, expected {expected}; {advice}")


def _too_large(url: str, given: str, max_bytes: int) -> ImageTooLargeError:
    return ImageTooLargeError(
        f"{shown_url(url)}: {given} bytes, expected at most {max_bytes:,}; make the image smaller, "
        "or pass a greater max_bytes to fetch_url if you trust the server"
    )
