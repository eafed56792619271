//! One emit, encoded once for all its receivers.
