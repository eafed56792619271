"""Values that naive codecs break."""

TEXTS = [
    "", "é", "日本語", "🦊👩\u200d👩\u200d👧", "\0", "\u2028\u2029", "\"\\/\b\f\n\r\t", "\x1e", "\u0301",
    '{"_placeholder":true,"num":0}', "𝒳" * 1000,
]

BINARY = (
    bytes([0, 1, 254, 255]),
    {"deep": [{"down": b"six"}, b""], "flat": "text"},
    None,
    bytes([7]) * 70_000,
)
