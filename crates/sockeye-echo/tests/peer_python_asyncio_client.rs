//! Our server and the asyncio client of python-socketio understand each other.

mod scenarios;

use sockeye_testkit::pinned;

scenarios::scenarios! {
    pinned::python("py/client_async.py");

    a_broadcast_can_leave_out_its_sender
    a_broadcast_reaches_everyone
    a_right_token_is_let_in
    a_wrong_token_is_refused
    an_unknown_namespace_is_refused
    binary_goes_both_ways
    connects
    events_go_both_ways
    events_stay_in_order
    every_text_survives
    heartbeats_keep_an_idle_connection
    large_messages_pass
    many_calls_are_told_apart
    namespaces_share_a_connection
    rooms_get_what_is_sent_to_them
    ten_thousand_events_stay_in_order
    the_auth_payload_arrives
    the_client_acknowledges
    the_server_acknowledges
    the_server_closes_the_connection
    the_server_disconnects_one_namespace
    too_large_messages_close_the_connection
}
