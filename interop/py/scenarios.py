"""What a Socket.IO server has to do for python-socketio; the name of each function is the claim.

`connect(namespaces, auth, reconnection)` gives a connection of the flavour under test:
`emit`, `call`, `next`, `has`, `reason`, `sid`, each for a namespace, `/` if none is named; `transport`, `heartbeat`.
`connect.site` is where it connects to, and how.
"""

from samples import BINARY, TEXTS


def connects(connect):
    client = connect()
    assert len(client.sid()) == 20
    # This client connects and upgrades in one.
    assert client.transport() == connect.site.settles


def the_auth_payload_arrives(connect):
    auth = {"token": "abc", "nested": {"list": [1, "é"]}}
    assert connect(auth=auth).next("auth") == (auth,)
    assert connect(["/custom"]).next("auth", "/custom") == ({},)


def a_wrong_token_is_refused(connect):
    for auth in [None, {"token": "guess"}]:
        refusal = connect(["/auth"], auth=auth, refused=True).next("connect_error", "/auth")
        assert refusal == ({"message": "unauthorized", "data": {"code": 401}},), refusal


def a_right_token_is_let_in(connect):
    assert len(connect(["/auth"], auth={"token": "secret"}).sid("/auth")) == 20


def an_unknown_namespace_is_refused(connect):
    refusal = connect(["/random"], refused=True).next("connect_error", "/random")
    assert refusal == ({"message": "Invalid namespace"},), refusal


def namespaces_share_a_connection(connect):
    client = connect(["/", "/custom"])
    assert client.sid() != client.sid("/custom")
    client.emit("message", ("to custom",), "/custom")
    assert client.next("message-back", "/custom") == ("to custom",)
    assert not client.has("message-back")


def events_go_both_ways(connect):
    client = connect()
    for args in [(), (1,), ("a", {"b": [None, True, 1.5, -0.25e10]}, []), (None, None)]:
        client.emit("message", args)
        assert client.next("message-back") == args


def binary_goes_both_ways(connect):
    client = connect()
    client.emit("message", BINARY)
    assert client.next("message-back") == BINARY


def the_server_acknowledges(connect):
    client = connect()
    assert client.call("message-with-ack", ()) is None
    assert client.call("message-with-ack", (1,)) == 1
    # One argument comes back bare, several as a list or tuple.
    assert tuple(client.call("message-with-ack", BINARY)) == BINARY


def the_client_acknowledges(connect):
    client = connect(answers={"emit-with-ack": lambda *args: ("answer", *args)})
    client.emit("emit-with-ack", (1, b"two"))
    assert client.next("emit-with-ack") == (1, b"two")
    assert client.next("emit-with-ack") == ("answer", 1, b"two")


def many_calls_are_told_apart(connect):
    client = connect()
    for number in range(200):
        assert client.call("echo", (number,)) == number


def rooms_get_what_is_sent_to_them(connect):
    inside, outside, sender = connect(), connect(), connect()
    room, name = 'quiet "room" 🦊', 'an "event"\u2028 é'
    inside.emit("join", (room,))
    inside.call("echo", ("joined",))
    sender.emit("to-room", (room, name, BINARY[1]))
    assert inside.next(name) == (BINARY[1],)
    inside.emit("leave", (room,))
    inside.call("echo", ("left",))
    sender.emit("to-room", (room, name))
    sender.call("echo", ("sent",))
    assert not inside.has(name), "it had left"
    assert not outside.has(name), "it never joined"


def a_broadcast_reaches_everyone(connect):
    clients = [connect() for _ in range(3)]
    stranger = connect(["/custom"])
    clients[0].emit("broadcast", ("to all", BINARY[1]))
    for client in clients:
        assert client.next("broadcast") == ("to all", BINARY[1])
    assert not stranger.has("broadcast", "/custom"), "another namespace"


def a_broadcast_can_leave_out_its_sender(connect):
    sender, other = connect(), connect()
    sender.emit("except-me", ("news", 1))
    assert other.next("news") == (1,)
    assert not sender.has("news")


def the_server_disconnects_one_namespace(connect):
    client = connect(["/", "/custom"])
    client.emit("disconnect-me", (False,), "/custom")
    assert client.reason("/custom") == "server disconnect"
    assert client.call("echo", (1,)) == 1


def the_server_closes_the_connection(connect):
    client = connect()
    client.emit("disconnect-me", (True,))
    assert client.reason() == "server disconnect"


def large_messages_pass(connect):
    client = connect()
    # Polling writes bytes as base64, which the limit counts; and msgpack is bytes, whatever it carries.
    polls = connect.site.settles == "polling"
    size = 700_000 if polls and connect.site.parser == "msgpack" else 900_000
    # This client escapes what is not ASCII: an é would be six bytes.
    for message in ["x" * size, b"\3" * (700_000 if polls else 900_000)]:
        assert client.call("echo", (message,)) == message


def too_large_messages_close_the_connection(connect):
    for message in ["x" * 1_100_000, b"x" * 1_100_000]:
        client = connect()
        client.emit("message", (message,))
        assert client.reason() in ("transport close", "transport error")
        assert connect().call("echo", (1,)) == 1, "a new connection works"


def every_text_survives(connect):
    client = connect()
    keys = {text: text for text in TEXTS}
    assert tuple(client.call("echo", (*TEXTS, keys))) == (*TEXTS, keys)


def events_stay_in_order(connect):
    client = connect()
    for number in range(1000):
        client.emit("message", (number, "text" if number % 10 else b"bytes"))
    for number in range(1000):
        answer = client.next("message-back")[0]
        assert answer == number, f"{answer}, not {number}"


def ten_thousand_events_stay_in_order(connect):
    client = connect()
    sent = 0
    for number in range(10_000):
        while sent < min(number + 500, 10_000):
            client.emit("message", (sent, "text" if sent % 10 else b"bytes"))
            sent += 1
        assert client.next("message-back")[0] == number


def heartbeats_keep_an_idle_connection(connect):
    client = connect()
    for _ in range(3):
        client.heartbeat()
    assert client.call("echo", (1,)) == 1


def the_client_comes_back(connect):
    """Whoever runs it kills the server after the first line and restarts it after the second."""
    client = connect(auth={"again": True}, reconnection=True)
    client.next("auth")
    before = client.sid()
    print("connected", flush=True)
    print(f"disconnected: {client.reason()}", flush=True)
    assert client.next("auth") == ({"again": True},)
    assert client.sid() != before
    assert client.call("echo", (1,)) == 1


ALL = {
    name: scenario
    for name, scenario in list(globals().items())
    if callable(scenario) and scenario.__module__ == __name__
}
# These wait for someone who kills the server: they only run when named.
DRIVEN = {"the_client_comes_back"}
