//! Engine.IO messages: nothing is lost, and the server's handshake is read as it is written.
//!
//! Input: one message as text.
#![no_main]

use std::{sync::Arc, time::Instant};

use libfuzzer_sys::fuzz_target;
use sockeye_proto::{
    session::{Config, Session},
    wire::{
        encoding::Encoding,
        engine::{self, Handshake, Kind},
    },
};

fuzz_target!(|text: &str| {
    let Ok((kind, body)) = engine::decode(text) else { return };
    assert_eq!(format!("{}{body}", char::from(kind.digit())), text);
    if kind != Kind::Open {
        return;
    }
    let handshake = Handshake::decode(body).ok();
    if let Some(handshake) = &handshake {
        let written = serde_json::to_string(handshake).expect("strings and numbers");
        assert_eq!(&Handshake::decode(&written).expect("our own text"), handshake);
    }
    // Times of any length, as a server may announce them.
    let now = Instant::now();
    let mut session =
        Session::<()>::client(now, Arc::new(Config::default()), Encoding::default(), false);
    assert_eq!(session.receive_text(now, text).is_ok(), handshake.is_some());
    assert_eq!(session.next_deadline().is_some(), handshake.is_some());
    assert!(session.handle_timeout(now).is_ok());
});
