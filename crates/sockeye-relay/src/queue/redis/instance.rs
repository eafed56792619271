//! Who an instance is at present, and what it has claimed.

use std::{collections::HashMap, time::Instant};

use super::waiting::Stand;
use crate::queue::Claim;

/// Who this is at present, and what it has.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) name: String,
    /// Its place was taken away: everything it had is another's.
    pub(super) is_gone: bool,
    pub(super) is_closed: bool,
    pub(super) claims: HashMap<Claim, String>,
    pub(super) last_claim: u128,
    /// More may be claimed in Redis than is known here.
    pub(super) is_unsure: bool,
    pub(super) stand: Stand,
    pub(super) looked_at: Option<Instant>,
}

impl Instance {
    pub(super) fn new(last_claim: u128) -> Self {
        Self {
            name: uuid::Uuid::now_v7().simple().to_string(),
            is_gone: false,
            is_closed: false,
            claims: HashMap::new(),
            last_claim,
            is_unsure: false,
            stand: Stand::default(),
            looked_at: None,
        }
    }
}
