"""Network cameras that send JPEGs over HTTP, read without FFmpeg, which would decode every one of them.

FFmpeg reads all others: where the answer is of another kind, where a certificate can't be verified, or where
the user has settings for FFmpeg.
"""

from __future__ import annotations

import base64
import http.client
import logging
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from edge.capture.sources.address import Source
from edge.capture.sources.jpeg.decoding import JpegDecoder
from edge.capture.sources.jpeg.multipart import MultipartJpegs
from edge.capture.sources.network_stream import NetworkStream
from edge.capture.sources.reader import CameraSource, Picture, Reader, Reduction, next_decodable
from edge.capture.sources.video import has_own_options
from edge.errors import CameraUnavailableError, ImageError

log = logging.getLogger(__name__)

# As long as FFmpeg gets to open a stream (OPEN_TIMEOUT_MS).
TIMEOUT_S = 5.0
MIXED_REPLACE = "multipart/x-mixed-replace"
# FFmpeg would get the same answer.
REFUSALS = frozenset({401, 403, 404, 410, 503})


class UnknownAnswerError(Exception):
    """The answer is not one of such a camera; `for_now` where the request only failed this time."""

    def __init__(self, why: str, *, for_now: bool = False) -> None:
        super().__init__(why)
        self.for_now = for_now


@dataclass(slots=True)
class Known:
    """What earlier openings found out: we can decode the pictures, or FFmpeg must read them."""

    decodes: bool = False
    is_other: bool = False


class HttpCamera(CameraSource):
    """One camera by its address."""

    def __init__(self, source: Source) -> None:
        self._source, self._stream = source, NetworkStream(source)
        self._known = Known()

    def open(self) -> Reader:
        """A reader of it; raises CameraUnavailableError."""
        for_now = False
        if has_own_options():
            return self._stream.open()
        if not self._known.is_other:
            try:
                return MjpegReader(self._source, self._known)
            except UnknownAnswerError as error:
                log.debug("camera %s is left to FFmpeg: %s", self._source.shown, error)
                for_now = error.for_now
        reader = self._stream.open()
        self._known.is_other = not for_now
        return reader

    def is_reachable(self) -> bool:
        """True if its server answers."""
        return self._stream.is_reachable()


class MjpegReader:
    """An open answer, and its last JPEG."""

    def __init__(self, source: Source, known: Known) -> None:
        """Raises CameraUnavailableError, or UnknownAnswerError where the server sends no JPEGs."""
        self._source, self._known = source, known
        self._pictures = 0
        self._answer = self._ask()
        self._jpegs, self._decoder = MultipartJpegs(self._answer), JpegDecoder()
        self._jpeg: bytes | memoryview = b""

    def grab(self) -> None:
        """Wait for the next JPEG."""
        try:
            self._jpeg = self._jpegs.next()
        except EOFError as error:
            raise self._make_error("the server ended it") from error
        except TimeoutError as error:
            raise self._make_error("no picture came in time") from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._make_error(f"it stopped delivering, {error or type(error).__name__}") from error

    def retrieve(self, reduction: Reduction | None = None) -> Picture | None:
        """Decode it; None where it is damaged."""
        try:
            picture = self._decoder.decode(self._jpeg, reduction)
        except ImageError as error:
            self._known.is_other = not self._known.decodes  # FFmpeg may know what to make of them
            raise self._make_error(error.why) from error
        if picture is not None:
            self._pictures, self._known.decodes = self._pictures + 1, True
        return picture

    def read(self) -> Picture:
        """The next picture; raises CameraUnavailableError."""
        return next_decodable(self)

    def close(self) -> None:
        """Hang up."""
        self._answer.close()

    def _ask(self) -> http.client.HTTPResponse:
        try:
            answer = _send_request(self._source.address)
        except urllib.error.HTTPError as error:
            error.close()
            why = f"HTTP {error.code} {http.client.responses.get(error.code, '')}".strip()
            if error.code in REFUSALS:
                raise self._make_error(why) from None
            raise UnknownAnswerError(why, for_now=True) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, OSError) and not isinstance(error.reason, ssl.SSLError):
                raise self._make_error(error.reason.strerror or str(error.reason)) from None
            raise UnknownAnswerError("TLS, or no address for HTTP") from None
        except OSError as error:
            raise self._make_error(error.strerror or "no answer") from None
        except (ValueError, http.client.HTTPException) as error:  # its text may hold the password
            raise UnknownAnswerError(type(error).__name__) from None
        kind = answer.headers.get_content_type()
        if kind == MIXED_REPLACE or self._is_multipart(answer):
            return answer
        answer.close()
        raise UnknownAnswerError(f"it sends {kind}")

    def _is_multipart(self, answer: http.client.HTTPResponse) -> bool:
        """True if a part begins. Some servers do not say what they send, and some answer only once."""
        try:
            return answer.peek(2).lstrip(b"\r\n").startswith(b"--")
        except (OSError, http.client.HTTPException) as error:
            answer.close()
            raise self._make_error("no answer") from error

    def _make_error(self, why: str) -> CameraUnavailableError:
        if self._pictures:
            return CameraUnavailableError(f"the camera {self._source.shown} is lost", why)
        return CameraUnavailableError(f"can't open the camera {self._source.shown}", why, "is it there?")


class _Login(urllib.request.HTTPDigestAuthHandler):
    """Logs in by Digest, else by Basic, once for each request: a wrong password must not lock the account."""

    def __init__(self, passwords: urllib.request.HTTPPasswordMgr, scheme: str) -> None:
        super().__init__(passwords)
        self._passwords, self._scheme = passwords, scheme

    def http_error_401(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message[str, str]
    ) -> Any:
        """The answer to a login; None where the server refuses it."""
        if req.has_header("Authorization") or (self._scheme == "https" and req.type != "https"):
            return None  # A password for https is not sent in clear text after a redirection either.
        asked = {text.partition(" ")[0].lower(): text for text in headers.get_all("WWW-Authenticate", [])}
        user, password = self._passwords.find_user_password("", req.full_url)
        if user is None or not asked.keys() & {"digest", "basic"}:
            return None
        fp.close()
        if "digest" in asked:
            return self.retry_http_digest_auth(req, asked["digest"])
        login = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        req.add_unredirected_header("Authorization", f"Basic {login}")
        return self.parent.open(req, timeout=req.timeout)


def _send_request(address: str) -> http.client.HTTPResponse:
    """The answer after redirections and a login; raises what urllib and http.client raise."""
    parts = urlsplit(address)
    plain = parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        place = f"{parts.scheme}://{urlsplit(plain).netloc}/"  # so that no other server gets it
        passwords.add_password(None, place, unquote(parts.username), unquote(parts.password or ""))
    director = urllib.request.OpenerDirector()  # the usual one would read files and FTP as well
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _Login(passwords, parts.scheme),
    ):
        director.add_handler(handler)
    director.addheaders = [("User-Agent", "edge-agent"), ("Accept", "*/*")]
    answer: http.client.HTTPResponse = director.open(plain, timeout=TIMEOUT_S)
    return answer
