"""The 517 cases of kosoku, with the two defects mended that would judge a good peer wrongly."""

import kosoku.cases

CASES = kosoku.cases.CASES


def mend():
    """Changes the case classes in place; kosoku reads them when it runs a case."""
    for name, case in CASES.items():
        if name.startswith("6."):
            _encode_once(case)
        if name.startswith(("12.", "13.")):
            _take_uncompressed_replies(case)


def _encode_once(case):
    """Valid UTF-8 payloads are kept as text of one character per byte, and would go out encoded twice."""
    payload = getattr(case, "PAYLOAD", None)
    if isinstance(payload, str):
        try:
            case.PAYLOAD = payload.encode("latin-1").decode("utf-8")
        except UnicodeError:
            pass  # Real text, not bytes in disguise.


def _take_uncompressed_replies(case):
    """A peer may answer uncompressed; kosoku then hands over text, which the case can't hash."""
    on_message = case.onMessage

    def on_any_message(self, message, binary):
        if isinstance(message, str):
            # Bytes come as text of one character per byte.
            message = message.encode("latin-1" if binary else "utf-8")
        on_message(self, message, binary)

    case.onMessage = on_any_message


def chosen(quick):
    """Names of all cases; or those outside compression and one in six of the compressed ones."""
    if not quick:
        return list(CASES)
    deflate = [name for name in CASES if name.startswith(("12.", "13."))]
    # The sixths walk through the sizes: 5 and 18 have no common factor.
    sampled = {name for number, name in enumerate(deflate) if number % 6 == number // 18 % 6}
    return [name for name in CASES if name not in deflate or name in sampled]


def patience_s(name):
    """How long a case may take before its connection is cut."""
    return 240 if name.startswith(("9.", "12.", "13.")) else 30
