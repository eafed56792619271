//! Which scene plays where, and if it does not, why.

use std::pin::Pin;

use sockeye_testkit::host_peer::Host;

use super::{
    acks, deliveries, door,
    ground::{Ground, Manner},
    joining, lost, secure, story, volume,
};
use door::no_cookie;
use story::no_version_3;

/// One thing that our client has to do with any server.
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    /// What speaks against playing it there.
    pub(crate) unless: &'static [fn(Host, Manner) -> Option<&'static str>],
    pub(crate) play: fn(Ground) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

macro_rules! scenes {
    ($($theme:ident { $($scene:ident $(unless $($unless:ident),+)?;)+ })+) => {
        pub(crate) const SCENES: &[Scene] = &[$($(Scene {
            name: concat!(stringify!($theme), "::", stringify!($scene)),
            unless: &[$($($unless),+)?],
            play: |ground| Box::pin($theme::$scene(ground)),
        },)+)+];
    };
}

scenes! {
    joining {
        the_root;
        a_namespace;
        two_on_one_connection;
        one_more_later;
        leaving_and_joining_again;
        refused_with_data unless no_guard, no_data;
        unknown_namespace;
        disconnected_by_the_server;
        disconnected_and_joined_again;
        the_connect_handler_goes_first;
    }
    acks {
        of_any_number;
        with_bytes_both_ways;
        with_nested_values;
        two_hundred_at_a_time;
        that_we_give;
        that_never_come;
    }
    volume {
        ten_thousand_while_it_moves;
        a_burst_of_ten_thousand;
        nine_hundred_kilobytes unless reads_pieces;
        a_hundred_at_once;
        more_than_the_server_takes;
        volatile_events;
    }
    lost {
        closed_by_the_server unless says_goodbye, closes_nothing;
        reconnected_by_us;
        killed_and_started_again;
        a_first_connection_that_waits;
        for_good;
        what_waits_has_bounds;
        cut_on_the_way;
        slow_on_the_way;
        refused_on_the_way;
        idle_but_alive;
        silent_and_dead;
        another_server_takes_over;
        nothing_is_kept_of_failures;
    }
    door {
        the_version_is_found_out;
        the_version_is_given;
        polling_is_refused;
        websocket_is_refused unless always_offers;
        headers_query_and_path;
        cookies_are_sent_back unless no_cookie;
        auth_is_asked_for_each_time unless no_auth;
    }
    secure {
        tls unless no_tls;
        msgpack unless no_msgpack;
    }
    deliveries {
        acked_in_the_end;
        emitted_before_leaving;
        through_the_death_of_the_server;
        recovered_by_the_server unless no_recovery;
    }
    story {
        of_tasks unless no_version_3;
    }
}

fn no_auth(host: Host, _: Manner) -> Option<&'static str> {
    (!host.has_auth()).then_some("it has no auth payload")
}

fn says_goodbye(host: Host, _: Manner) -> Option<&'static str> {
    (host == Host::Own).then_some("it disconnects all namespaces first, and that is a decision")
}

fn reads_pieces(host: Host, manner: Manner) -> Option<&'static str> {
    (host == Host::PythonAsyncio && manner == Manner::Polling)
        .then_some("under aiohttp it reads no more of a POST than has arrived")
}

fn no_msgpack(host: Host, _: Manner) -> Option<&'static str> {
    (!host.has_msgpack()).then_some("it has no parser for msgpack")
}

fn no_recovery(host: Host, _: Manner) -> Option<&'static str> {
    (!host.has_recovery()).then_some("it restores no connections")
}

fn no_data(host: Host, _: Manner) -> Option<&'static str> {
    (host == Host::Oxide).then_some("it refuses with a text alone")
}

fn closes_nothing(host: Host, _: Manner) -> Option<&'static str> {
    (!host.closes_sessions()).then_some("it can't close one session")
}

fn always_offers(host: Host, _: Manner) -> Option<&'static str> {
    (!host.can_forbid_upgrades()).then_some("it offers WebSocket whatever it serves")
}

fn no_tls(host: Host, _: Manner) -> Option<&'static str> {
    (!host.has_tls()).then_some("its program here has no TLS")
}

fn no_guard(host: Host, _: Manner) -> Option<&'static str> {
    (!host.has_guarded()).then_some("it can't refuse a namespace that it has")
}
