//! What nodes tell each other: what is read harms no client, and can be written and read again.
//!
//! Input: one message, JSON if it begins with a brace, else msgpack.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sockeye_proto::wire::{
    cluster::{Action, Message},
    packet::{self, Limits, is_namespace},
    payload::Payload,
};

const SMALL: Limits =
    Limits { max_attachments: 2, max_attachments_bytes: 10, max_args: 3, max_depth: 4 };

fuzz_target!(|bytes: &[u8]| {
    for limits in [Limits::default(), SMALL] {
        let Ok((uid, message)) = Message::decode(bytes, &limits) else { continue };
        assert!(is_namespace(&message.namespace));
        if let Action::Emit { packet, .. } = &message.action {
            assert!(packet.attachments().len() <= limits.max_attachments as usize);
            let text = packet.text().strip_prefix('4').expect("a message of Engine.IO");
            let decoded = packet::decode(text, &limits).expect("a packet");
            Payload::event(decoded.data.unwrap_or_default(), &limits).expect("an event");
        }
        let again = message.encode(&uid);
        let (uid_again, message) = Message::decode(&again, &limits).expect("our own message");
        assert_eq!(uid_again, uid);
        // Numbers are written in one way, from then on.
        let once_more = message.encode(&uid);
        let (_, message) = Message::decode(&once_more, &limits).expect("our own message");
        assert_eq!(message.encode(&uid), once_more);
    }
});
