//! Load and its report: memory per connection, CPU per ack and per delivery.
