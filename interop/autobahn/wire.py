"""What a WebSocket endpoint may send, byte by byte: the checks that the test suite itself leaves out."""

import base64
import hashlib

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def accept_key(key):
    """RFC 6455 §4.2.2: the answer to a Sec-WebSocket-Key."""
    guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return base64.b64encode(hashlib.sha1((key + guid).encode()).digest()).decode()


class Handshake:
    """The head of a request or a response."""

    def __init__(self, head):
        self.first, *lines = head.decode("latin-1").split("\r\n")
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.headers.setdefault(name.strip().lower(), []).append(value.strip())

    def one(self, name):
        """The value of a header that must be there once, in lower case."""
        values = self.headers.get(name, [])
        return values[0] if len(values) == 1 else None

    def extensions(self):
        """The names of the extensions."""
        value = ",".join(self.headers.get("sec-websocket-extensions", []))
        return [item.split(";")[0].strip() for item in value.split(",") if item.strip()]


def request_breaches(request):
    """What is wrong with an opening request."""
    if not request.first.startswith("GET ") or not request.first.endswith(" HTTP/1.1"):
        yield f"request line {request.first!r}"
    if (request.one("upgrade") or "").lower() != "websocket":
        yield "no Upgrade: websocket"
    if "upgrade" not in (request.one("connection") or "").lower():
        yield "no Connection: Upgrade"
    if request.one("sec-websocket-version") != "13":
        yield "version is not 13"
    if request.one("host") is None:
        yield "not one Host"
    try:
        nonce = base64.b64decode(request.one("sec-websocket-key") or "", validate=True)
    except ValueError:
        nonce = b""
    if len(nonce) != 16:
        yield "the key is not 16 bytes of base64"


def response_breaches(response, request):
    """What is wrong with the answer to an opening request."""
    if not response.first.startswith("HTTP/1.1 101"):
        yield f"status line {response.first!r}"
    if (response.one("upgrade") or "").lower() != "websocket":
        yield "no Upgrade: websocket"
    if "upgrade" not in (response.one("connection") or "").lower():
        yield "no Connection: Upgrade"
    if response.one("sec-websocket-accept") != accept_key(request.one("sec-websocket-key") or ""):
        yield "wrong Sec-WebSocket-Accept"
    for name in set(response.extensions()) - set(request.extensions()):
        yield f"extension {name} was not offered"


class Frames:
    """Reads the frames that one side sends and notes each breach of RFC 6455 and RFC 7692."""

    def __init__(self, masked, deflate):
        self.breaches = []
        self.count = 0
        self._masked, self.deflate = masked, deflate
        self._head, self._payload_left = b"", 0
        self._in_message = self._closed = False

    def feed(self, data):
        """Takes the next bytes."""
        while data:
            if self._payload_left:
                taken = data[: self._payload_left]
                self._payload_left -= len(taken)
                data = data[len(taken) :]
                continue
            self._head += data
            size = self._head_size()
            if size is None:
                return
            data, self._head = self._head[size:], self._head[:size]
            self._frame()
            self._head = b""

    def end(self):
        """Takes the end of the stream."""
        if self._head or self._payload_left:
            self._breach("the stream ends inside a frame")

    def _head_size(self):
        """The size of the header, once all of it is here."""
        if len(self._head) < 2:
            return None
        extended = {126: 2, 127: 8}.get(self._head[1] & 0x7F, 0)
        size = 2 + extended + (4 if self._head[1] & 0x80 else 0)
        return size if len(self._head) >= size else None

    def _frame(self):
        first, second = self._head[0], self._head[1]
        fin, rsv, opcode = bool(first & 0x80), first & 0x70, first & 0x0F
        length = second & 0x7F
        if length == 126:
            length = int.from_bytes(self._head[2:4], "big")
            if length < 126:
                self._breach(f"{length} bytes in the 16-bit length")
        elif length == 127:
            length = int.from_bytes(self._head[2:10], "big")
            if length < 1 << 16 or length >= 1 << 63:
                self._breach(f"{length} bytes in the 64-bit length")
        self._payload_left = length
        self.count += 1
        if bool(second & 0x80) != self._masked:
            self._breach("a masked frame" if not self._masked else "an unmasked frame")
        if self._closed:
            self._breach("a frame after the close frame")
        if opcode in (CLOSE, PING, PONG):
            if not fin or rsv or length > 125 or (opcode == CLOSE and length == 1):
                self._breach(f"a control frame with fin={fin} rsv={rsv:#x} of {length} bytes")
            self._closed |= opcode == CLOSE
        elif opcode in (TEXT, BINARY):
            if self._in_message:
                self._breach("a new message inside another")
            if rsv & ~(0x40 if self.deflate else 0):
                self._breach(f"reserved bits {rsv:#x}")
            self._in_message = not fin
        elif opcode == CONTINUATION:
            if not self._in_message or rsv:
                self._breach(f"a continuation with rsv={rsv:#x}, in a message: {self._in_message}")
            self._in_message = not fin
        else:
            self._breach(f"opcode {opcode}")

    def _breach(self, what):
        self.breaches.append(f"frame {self.count}: {what}")
