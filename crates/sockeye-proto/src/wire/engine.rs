//! Engine.IO messages: a type digit and a body.
