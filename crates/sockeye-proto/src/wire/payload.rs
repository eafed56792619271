//! The JSON array of an event or ack, kept as raw text until somebody asks for its types.
