//! A road between client and server with a habit.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

/// What a road does to what goes over it.
#[derive(Clone, Copy)]
pub(crate) enum Habit {
    /// Ends connections on which nothing went for so long.
    EndsIdle(Duration),
    /// Has the server behind it take every client for one of version 3.
    IsOld,
}

/// A road to `target`, a URL; its own URL.
pub(crate) fn road(target: &str, habit: Habit) -> String {
    let target = target.split("://").nth(1).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            if let Ok(server) = TcpStream::connect(&target) {
                carry(client, server, habit);
            }
        }
    });
    url
}

fn carry(client: TcpStream, server: TcpStream, habit: Habit) {
    let last = Arc::new(Mutex::new(Instant::now()));
    for (from, to, is_up) in [(&client, &server, true), (&server, &client, false)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let last = Arc::clone(&last);
        thread::spawn(move || {
            let mut bytes = vec![0; 16 * 1024];
            while let Ok(read @ 1..) = from.read(&mut bytes) {
                *last.lock().unwrap() = Instant::now();
                let carried = &mut bytes[..read];
                if matches!(habit, Habit::IsOld) {
                    // Nor do old servers name their largest payload.
                    let (from, to) =
                        if is_up { ("EIO=4", "EIO=3") } else { ("maxPayload", "maxPayloaX") };
                    replace(carried, from.as_bytes(), to.as_bytes());
                }
                if to.write_all(carried).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    if let Habit::EndsIdle(limit) = habit {
        thread::spawn(move || {
            while last.lock().unwrap().elapsed() < limit {
                thread::sleep(Duration::from_millis(10));
            }
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}

/// Puts a word of the same length in the place of one.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    if let Some(at) = bytes.windows(from.len()).position(|part| part == from) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}
