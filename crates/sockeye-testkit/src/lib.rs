//! Machines in virtual time over a faulty link, and real peers as child processes.
