//! Machines: values and the time in, values and a deadline out.
