"""Fetching by URL: a small server on this machine, and addresses that must never be contacted."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from locany.errors import ImageFetchError, ImageTooLargeError
from locany.image import fetch, load_image
from locany.image.fetch import fetch_url, shown_url, why_not_public

BODY = b"not really an image, and nobody looks" * 20


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, str | None]] = []  # noqa: RUF012 - (path, Host header), cleared by the fixture

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int = 200, body: bytes = BODY, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "image/png", "Content_Length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(40):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass  # the client left, as it should

    def drip_head(self) -> None:
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            pass
        self.close_connection = True

    def chunked(self, count: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for _ in range(count):
                self.wfile.write(b"5\r\nhello\r\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass

    def do_GET(self) -> None:
        Handler.seen.append((self.path, self.headers["Host"]))
        port = self.server.server_port  # type: ignore[attr-defined]
        match self.path.strip("/").split("?")[0].split("/"):
            case ["ok"]:
                self.answer()
            case ["octets"]:
                self.answer(Content_Type="Application/Octet-Stream; x=y")
            case ["html"]:
                self.answer(Content_Type="text/html; charset=utf-8")
            case ["untyped"]:
                self.answer(Content_Type="")
            case ["gzip"]:
                self.answer(Content_Encoding="gzip")
            case ["empty"]:
                self.answer(body=b"")
            case ["missing"]:
                self.answer(404)
            case ["cut"]:
                self.answer(Content_Length=str(len(BODY) + 5))
                self.close_connection = True
            case ["nolength"]:
                self.answer(Content_Length="")
                self.close_connection = True
            case ["chunked", count]:
                self.chunked(int(count))
            case ["drip"]:
                self.drip()
            case ["driphead"]:
                self.drip_head()
            case ["loop"]:
                self.answer(302, b"", Location="/loop")
            case ["hop", "0"]:
                self.answer(301, b"", Location=f"http://127.0.0.1:{port}/ok")
            case ["hop", count]:
                self.answer(307, b"", Location=f"{int(count) - 1}")
            case ["nowhere"]:
                self.answer(302, b"")
            case ["tofile"]:
                self.answer(302, b"", Location="file:///etc/hostname")
            case ["topassword"]:
                self.answer(302, b"", Location=f"http://me:secret@127.0.0.1:{port}/ok")
            case ["png"]:
                buffer = io.BytesIO()
                Image.new("RGB", (6, 4), "red").save(buffer, "PNG")
                self.answer(body=buffer.getvalue())
            case _:
                self.answer()


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up in the middle is what many of these tests are about."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    httpd = QuietServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture(autouse=True)
def _fresh_log() -> None:
    Handler.seen.clear()


def get(url: str, **options: object) -> bytes:
    return fetch_url(url, allow_private=True, **options)  # type: ignore[arg-type]


# -- what works ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["ok", "octets", "nolength", "hop/0", "hop/2", "ok?q=a b&c=ü#top", "s p/ä"])
def test_fetches(server: str, path: str) -> None:
    assert get(f"{server}/{path}") == BODY


def test_chunked_body(server: str) -> None:
    assert get(f"{server}/chunked/3") == b"hello" * 3


def test_url_is_quoted_once(server: str) -> None:
    get(f"{server}/a%20b c?x=%C3%BC#part")
    assert Handler.seen[0][0] == "/a%20b%20c?x=%C3%BC"


def test_body_of_exactly_the_limit(server: str) -> None:
    assert get(f"{server}/ok", max_bytes=len(BODY)) == BODY


def test_proxies_of_the_environment_are_not_used(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(f"{server}/ok") == BODY


def test_load_image_fetches(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "why_not_public", lambda _: None)  # the test server is on this machine
    image = load_image(f"{server}/png?token=5", allow_url=True)
    assert image.size_wh == (6, 4)
    assert image.name == f"{server}/png"
    assert (image.pixels == np.array([255, 0, 0])).all()


def test_connects_to_the_address_that_was_checked(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to something else the second time is not asked a second time."""
    port = int(server.rsplit(":", 1)[1])
    asked: list[str] = []

    def resolve(host: str, wanted_port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        assert len(asked) == 1, "resolved twice"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", wanted_port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(fetch, "why_not_public", lambda address: None if address == "127.0.0.1" else "no")
    assert fetch_url(f"http://images.example:{port}/ok") == BODY
    assert Handler.seen == [("/ok", f"images.example:{port}")]


def test_next_address_is_tried(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, wanted_port: int, **_: object) -> list[tuple[object, ...]]:
        with socket.socket() as unused:  # a port where nobody listens
            unused.bind(("127.0.0.1", 0))
            dead = unused.getsockname()
        return [(socket.AF_INET, 1, 6, "", address) for address in (dead, ("127.0.0.1", wanted_port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert get(f"http://two.example:{server.rsplit(':', 1)[1]}/ok") == BODY


def test_tls_checks_the_name_not_the_address(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []

    class Context:
        def wrap_socket(self, wire: socket.socket, server_hostname: str) -> socket.socket:
            names.append(server_hostname)
            return wire

    monkeypatch.setattr(fetch.ssl, "create_default_context", Context)
    assert get(server.replace("http://127.0.0.1", "https://localhost") + "/ok") == BODY
    assert names == ["localhost"]


# -- what does not -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("html", r"sends 'text/html'.*content type image/\*.*address of the image itself"),
        ("untyped", r"sends 'no content type'"),
        ("gzip", r"packed with 'gzip'.*download it another way"),
        ("empty", r"the body is empty.*check the URL"),
        ("missing", r"the server says 404.*check the URL"),
        ("cut", r"cut short, 740 of 745 bytes came.*try again"),
        ("loop", r"more than 3 redirects.*/loop"),
        ("hop/3", r"more than 3 redirects"),
        ("nowhere", r"status 302 without a location"),
        ("tofile", r"file:///etc/hostname: scheme 'file' is not fetched"),
        ("topassword", r"user name or password"),
    ],
)
def test_answers_that_are_refused(server: str, path: str, pattern: str) -> None:
    with pytest.raises(ImageFetchError, match=pattern) as caught:
        get(f"{server}/{path}?key=hidden")
    message = str(caught.value)
    assert "hidden" not in message
    assert "secret" not in message
    assert "expected" in message
    assert "; " in message


def test_announced_length_over_the_limit(server: str) -> None:
    with pytest.raises(ImageTooLargeError, match=r"740 bytes, expected at most 739; .*max_bytes"):
        get(f"{server}/ok", max_bytes=len(BODY) - 1)


@pytest.mark.parametrize("path", ["nolength", "chunked/1000"])
def test_unannounced_length_over_the_limit(server: str, path: str) -> None:
    with pytest.raises(ImageTooLargeError, match=r"more than 100 bytes"):
        get(f"{server}/{path}", max_bytes=100)


@pytest.mark.parametrize("path", ["drip", "driphead"])
def test_a_server_that_drips_is_cut_off(server: str, path: str) -> None:
    started = time.monotonic()
    with pytest.raises(ImageFetchError, match=r"not finished after 0.3 seconds.*longer timeout"):
        get(f"{server}/{path}", timeout=0.3)
    assert time.monotonic() - started < 1.5


def test_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        with pytest.raises(ImageFetchError, match=r"not finished after 0\.2 seconds"):
            get(url, timeout=0.2)


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(ImageFetchError, match=r"connection failed.*check the URL"):
            get(f"http://127.0.0.1:{unused.getsockname()[1]}/a.png")


def test_server_that_speaks_no_http() -> None:
    def babble(listener: socket.socket) -> None:
        wire, _ = listener.accept()
        with wire:
            wire.recv(4096)
            wire.sendall(b"SSH-2.0-nonsense\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=babble, args=(listener,), daemon=True).start()
        with pytest.raises(ImageFetchError, match="connection failed"):
            get(f"http://127.0.0.1:{listener.getsockname()[1]}/a.png", timeout=2)


@pytest.mark.parametrize(
    ("url", "pattern"),
    [
        ("ftp://example.com/a.png", r"scheme 'ftp' is not fetched.*download it"),
        ("file:///etc/hostname", r"scheme 'file' is not fetched"),
        ("example.com/a.png", r"scheme '' is not fetched"),
        ("http:///a.png", r"names no host"),
        ("http://user:pass@example.com/a.png", r"user name or password"),
        ("http://user@example.com/a.png", r"user name or password"),
        ("http://example.com:99999/a.png", r"not a valid URL"),
        ("http://[::1/a.png", r"not a valid URL"),
        ("http://a b.example/x", r"spaces or control"),
        (f"http://{'a' * 70}.example/x", r"host name is not valid"),
    ],
)
def test_urls_that_are_refused_unasked(url: str, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    with pytest.raises(ImageFetchError, match=pattern) as caught:
        get(url)
    assert "pass@" not in str(caught.value)


def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(ImageFetchError, match=r"'nosuch.example' could not be resolved.*check the spelling"):
        fetch_url("http://nosuch.example/a.png")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0.0.0.0", "10.1.2.3", "172.16.0.1"),
        *("192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255"),
        *("[::1]", "[::]", "[fe80::1]", "[fd00::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]"),
    ],
)
def test_private_hosts_are_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket.socket, "connect", fail)
    with pytest.raises(ImageFetchError, match=r"expected a public address; .*allow_private=True"):
        fetch_url(f"http://{host}/a.png")


def test_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, 1, 6, "", (ip, 80)) for ip in ("93.184.216.34", "192.168.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ImageFetchError, match=r"192.168.0.1, a private or reserved address"):
        fetch_url("http://mixed.example/a.png")


def test_redirect_to_a_private_address_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first host passes as public; the redirect leads to 127.0.0.1, which does not."""
    real = socket.getaddrinfo

    def resolve(host: str, wanted_port: int, **options: object) -> object:
        if host == "public.example":
            return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", wanted_port))]
        return real(host, wanted_port, **options)  # type: ignore[arg-type]

    checks = iter([None, "a loopback address"])
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(fetch, "why_not_public", lambda _: next(checks))
    with pytest.raises(ImageFetchError, match=r"'127.0.0.1' is 127.0.0.1, a loopback address"):
        fetch_url(f"http://public.example:{server.rsplit(':', 1)[1]}/hop/0")
    assert [path for path, _ in Handler.seen] == ["/hop/0"]


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses(address: str) -> None:
    assert why_not_public(address) is None


def test_shown_url() -> None:
    assert shown_url("https://me:pw@host.example/a/b.png?sig=1#x") == "https://host.example/a/b.png"
    assert shown_url("https://host.example/a@b.png") == "https://host.example/a@b.png"
    assert len(shown_url("https://host.example/" + "a" * 500)) == 200
