"""Each check of `wire` finds what it is for: the suite would say nothing if it did not."""

import unittest

from wire import Frames, Handshake, accept_key, request_breaches, response_breaches

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)


class FrameChecks(unittest.TestCase):
    def breaches(self, frames, masked=False, deflate=False):
        for split in (len(frames) or 1, 1):
            audit = Frames(masked, deflate)
            for at in range(0, len(frames), split):
                audit.feed(frames[at : at + split])
            audit.end()
        return len(audit.breaches)

    def test_good_frames_pass(self):
        for frames in [
            b"\x81\x02hi",
            b"\x01\x01h\x89\x00\x80\x01i\x88\x02\x03\xe8",
            b"\x82\x7e\x00\x7e" + b"x" * 126,
            b"\x82\x7f" + (1 << 16).to_bytes(8, "big") + b"x" * (1 << 16),
        ]:
            self.assertEqual(self.breaches(frames), 0, frames[:12])
        self.assertEqual(self.breaches(b"\x81\x82keyshi", masked=True), 0)
        self.assertEqual(self.breaches(b"\xc1\x02hi", deflate=True), 0)

    def test_bad_frames_are_found(self):
        for frames, why in [
            (b"\x81\x82keyshi", "masked by a server"),
            (b"\xc1\x02hi", "RSV1 without the extension"),
            (b"\xa1\x02hi", "RSV2"),
            (b"\x83\x00", "unknown opcode"),
            (b"\x80\x00", "continuation of nothing"),
            (b"\x01\x00\x81\x00", "message inside a message"),
            (b"\x09\x00", "fragmented ping"),
            (b"\x89\x7e\x00\x7e" + b"x" * 126, "long ping"),
            (b"\x88\x01x", "half a close code"),
            (b"\x88\x00\x81\x00", "frame after close"),
            (b"\x82\x7e\x00\x01x", "length not minimal"),
            (b"\x82\x7f" + (1).to_bytes(8, "big") + b"x", "length not minimal"),
            (b"\x81\x02h", "cut off"),
        ]:
            self.assertEqual(self.breaches(frames), 1, why)
        self.assertEqual(self.breaches(b"\x81\x02hi", masked=True), 1)


class HandshakeChecks(unittest.TestCase):
    def test_good_handshakes_pass(self):
        request = Handshake(REQUEST)
        self.assertEqual(list(request_breaches(request)), [])
        self.assertEqual(list(response_breaches(Handshake(RESPONSE), request)), [])

    def test_bad_handshakes_are_found(self):
        request = Handshake(REQUEST)
        for old, new in [
            (b"GET", b"PUT"),
            (b"websocket", b"h2c"),
            (b"dGhl", b"x"),
            (b"13", b"8"),
            (b"Host: a\r\n", b""),
        ]:
            changed = Handshake(REQUEST.replace(old, new))
            self.assertEqual(len(list(request_breaches(changed))), 1, new)
        for old, new in [(b"101", b"200"), (b"s3pP", b"x"), (b"Upgrade: w", b"Downgrade: w")]:
            changed = Handshake(RESPONSE.replace(old, new))
            self.assertEqual(len(list(response_breaches(changed, request))), 1, new)
        extended = Handshake(RESPONSE + b"\r\nSec-WebSocket-Extensions: permessage-deflate")
        self.assertEqual(len(list(response_breaches(extended, request))), 1)

    def test_the_sample_key_of_the_rfc(self):
        self.assertEqual(
            accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        )


if __name__ == "__main__":
    unittest.main()
