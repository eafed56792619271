//! What both sides agreed on, and the rules by which they come to it (RFC 7692 §5, §7.1).

use super::{
    Config, DEFAULT_WINDOW_BITS, Deflater, Inflater, MIN_WINDOW_BITS,
    params::{ClientBits, Params},
};
use crate::wire::ws::Role;

/// The compression of one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Agreement {
    /// What the server answers with.
    params: Params,
    server_window_bits: u8,
    client_window_bits: u8,
}

impl Agreement {
    /// What a client with this configuration writes into its request.
    pub(in crate::wire::ws) fn offer(config: &Config) -> String {
        let client_bits = match config.client_max_window_bits {
            DEFAULT_WINDOW_BITS => ClientBits::Known,
            bits => ClientBits::AtMost(bits),
        };
        Params {
            server_no_context_takeover: config.server_no_context_takeover,
            client_no_context_takeover: config.client_no_context_takeover,
            server_max_window_bits: limit(config.server_max_window_bits),
            client_max_window_bits: Some(client_bits),
        }
        .to_element()
    }

    /// What a server with this configuration makes of one offer; `None` declines it.
    pub(in crate::wire::ws) fn accept(offer: &str, config: &Config) -> Option<Self> {
        let offer = Params::parse(offer)?;
        let server_bits = match offer.server_max_window_bits {
            // An offer with a limit is only accepted by an answer with one.
            Some(bits) => Some(bits.min(config.server_max_window_bits)),
            None => limit(config.server_max_window_bits),
        };
        if server_bits.is_some_and(|bits| bits < MIN_WINDOW_BITS) {
            return None;
        }
        let client_bits = match offer.client_max_window_bits {
            Some(offered) => limit(offered.bits().min(config.client_max_window_bits)),
            // It would not understand the limit, and we do not want to keep more.
            None if config.client_max_window_bits < DEFAULT_WINDOW_BITS => return None,
            None => None,
        };
        Some(Self::new(Params {
            server_no_context_takeover: offer.server_no_context_takeover
                || config.server_no_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover
                || config.client_no_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: client_bits.map(ClientBits::AtMost),
        }))
    }

    /// What a client makes of the answer to its offer; `None` if the answer does not fit the offer.
    pub(in crate::wire::ws) fn from_response(response: &str, config: &Config) -> Option<Self> {
        let params = Params::parse(response)?;
        let server_bits = params.server_max_window_bits.unwrap_or(DEFAULT_WINDOW_BITS);
        if server_bits > config.server_max_window_bits
            || (config.server_no_context_takeover && !params.server_no_context_takeover)
            // Without a value it means nothing in a response.
            || params.client_max_window_bits == Some(ClientBits::Known)
        {
            return None;
        }
        let mut agreement = Self::new(params);
        agreement.client_window_bits =
            agreement.client_window_bits.min(config.client_max_window_bits);
        Some(agreement)
    }

    fn new(params: Params) -> Self {
        Self {
            params,
            server_window_bits: params.server_max_window_bits.unwrap_or(DEFAULT_WINDOW_BITS),
            client_window_bits: params
                .client_max_window_bits
                .map_or(DEFAULT_WINDOW_BITS, ClientBits::bits),
        }
    }

    /// What compresses the messages of `role`; `None` if the window agreed on is too small for zlib, in
    /// which case messages are sent uncompressed.
    pub fn deflater(&self, role: Role) -> Option<Deflater> {
        let (window_bits, keeps_context) = self.sent_by(role);
        (window_bits >= MIN_WINDOW_BITS).then(|| Deflater::new(window_bits, keeps_context))
    }

    /// What decompresses the messages that `role` receives.
    pub fn inflater(&self, role: Role) -> Inflater {
        let (window_bits, keeps_context) = self.sent_by(match role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        });
        Inflater::new(window_bits.max(MIN_WINDOW_BITS), keeps_context)
    }

    /// Window and context takeover of the messages that `role` sends.
    fn sent_by(&self, role: Role) -> (u8, bool) {
        match role {
            Role::Server => (self.server_window_bits, !self.params.server_no_context_takeover),
            Role::Client => (self.client_window_bits, !self.params.client_no_context_takeover),
        }
    }

    /// The server's answer in the extensions header.
    pub(in crate::wire::ws) fn to_response(self) -> String {
        self.params.to_element()
    }
}

/// A limit worth saying.
fn limit(bits: u8) -> Option<u8> {
    (bits < DEFAULT_WINDOW_BITS).then_some(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: &str = "permessage-deflate";

    #[test]
    fn a_server_answers_offers() {
        #[track_caller]
        fn check(offer: &str, config: Config, expect: Option<&str>) {
            let offer = format!("{DEFAULT}{offer}");
            let found = Agreement::accept(&offer, &config).map(Agreement::to_response);
            let expect = expect.map(|params| format!("{DEFAULT}{params}"));
            assert_eq!(found, expect, "{offer} with {config:?}");
        }
        let config = Config::default();
        check("", config, Some(""));
        check("; client_max_window_bits", config, Some(""));
        check("; client_max_window_bits=8", config, Some("; client_max_window_bits=8"));
        check("; server_max_window_bits=15", config, Some("; server_max_window_bits=15"));
        check("; server_max_window_bits=10", config, Some("; server_max_window_bits=10"));
        check("; server_max_window_bits=8", config, None);
        check("; server_no_context_takeover", config, Some("; server_no_context_takeover"));
        check("; client_no_context_takeover", config, Some("; client_no_context_takeover"));

        let small = config.server_max_window_bits(9).client_max_window_bits(9);
        check("", small, None);
        let answer = "; server_max_window_bits=9; client_max_window_bits=9";
        check("; client_max_window_bits", small, Some(answer));
        check("; client_max_window_bits=12; server_max_window_bits=12", small, Some(answer));

        let frugal = config.server_no_context_takeover(true).client_no_context_takeover(true);
        let answer = "; server_no_context_takeover; client_no_context_takeover";
        check("", frugal, Some(answer));
    }

    #[test]
    fn a_client_checks_the_answer() {
        #[track_caller]
        fn check(response: &str, config: Config, accepted: bool) {
            let response = format!("{DEFAULT}{response}");
            let found = Agreement::from_response(&response, &config);
            assert_eq!(found.is_some(), accepted, "{response} with {config:?}");
        }
        let config = Config::default();
        check("", config, true);
        check("; client_max_window_bits=8", config, true);
        check("; server_max_window_bits=8; client_no_context_takeover", config, true);
        check("; client_max_window_bits", config, false);
        check("; unknown", config, false);
        check("", config.server_max_window_bits(10), false);
        check("; server_max_window_bits=11", config.server_max_window_bits(10), false);
        check("; server_max_window_bits=9", config.server_max_window_bits(10), true);
        check("", config.server_no_context_takeover(true), false);
        check("; server_no_context_takeover", config.server_no_context_takeover(true), true);
    }

    #[test]
    fn a_window_of_eight_bits_is_read_but_not_written() {
        let response = "permessage-deflate; client_max_window_bits=8; server_max_window_bits=8";
        let agreement = Agreement::from_response(response, &Config::default()).unwrap();
        assert!(agreement.deflater(Role::Client).is_none());
        agreement.inflater(Role::Client);
    }

    #[test]
    fn what_a_client_offers_a_server_of_the_same_mind_accepts() {
        for bits in 9..=15 {
            for takeover in [true, false] {
                let config = Config::default()
                    .server_max_window_bits(bits)
                    .client_max_window_bits(bits)
                    .server_no_context_takeover(takeover)
                    .client_no_context_takeover(!takeover);
                let server = Agreement::accept(&Agreement::offer(&config), &config).unwrap();
                let client = Agreement::from_response(&server.to_response(), &config).unwrap();
                assert_eq!(server, client);
            }
        }
    }
}
