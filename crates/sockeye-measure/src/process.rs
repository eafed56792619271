//! What another process has used so far, from `/proc`.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// CPU time of all threads of process `id`, in nanoseconds.
///
/// From the scheduler's own count, as `stat` has only hundredths of a second. Threads that ended
/// are not in it; the servers here keep theirs.
pub(crate) fn cpu_ns(id: u32) -> io::Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{id}/task"))? {
        let path = task?.path().join("schedstat");
        sum += first_number(&fs::read_to_string(&path)?)
            .ok_or_else(|| unreadable(&path.display().to_string()))?;
    }
    Ok(sum)
}

/// CPU time of process `id` with all threads that have ended, in nanoseconds, of which hundredths of a second are known: for
/// programs whose threads come and go.
pub(crate) fn cpu_with_ended_ns(id: u32) -> io::Result<u64> {
    let path = format!("/proc/{id}/stat");
    let text = fs::read_to_string(&path)?;
    // The name before it may have anything in it. User time and system time are the 14th and 15th of all.
    let fields = text.rsplit_once(") ").map(|(_, rest)| rest.split(' ').skip(11).take(2));
    let ticks = fields.and_then(|fields| fields.map(|field| field.parse::<u64>().ok()).sum());
    let ticks: u64 = ticks.ok_or_else(|| unreadable(&path))?;
    Ok(ticks * (1_000_000_000 / rustix::param::clock_ticks_per_second()))
}

/// Resident memory of process `id`, in bytes.
pub(crate) fn resident_bytes(id: u32) -> io::Result<u64> {
    kibibytes(&format!("/proc/{id}/smaps_rollup"), "Rss:")
}

/// The most that [`resident_bytes`] has ever been.
pub(crate) fn peak_resident_bytes(id: u32) -> io::Result<u64> {
    kibibytes(&format!("/proc/{id}/status"), "VmHWM:")
}

/// Reads a line such as "Rss:                1234 kB", in bytes.
fn kibibytes(path: &str, name: &str) -> io::Result<u64> {
    let text = fs::read_to_string(path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    Ok(line.and_then(first_number).ok_or_else(|| unreadable(path))? * 1024)
}

/// Resident memory once it has stopped changing: garbage collectors and allocators take a moment.
pub(crate) fn settled_resident_bytes(id: u32) -> io::Result<u64> {
    const STEP: Duration = Duration::from_millis(250);
    const CALM_STEPS: u32 = 3;
    const PATIENCE: Duration = Duration::from_secs(6);
    const NOISE_BYTES: u64 = 64 * 1024;

    let start = Instant::now();
    let mut calm = 0;
    let mut bytes = resident_bytes(id)?;
    while calm < CALM_STEPS && start.elapsed() < PATIENCE {
        thread::sleep(STEP);
        let now = resident_bytes(id)?;
        calm = if now.abs_diff(bytes) <= NOISE_BYTES { calm + 1 } else { 0 };
        bytes = now;
    }
    Ok(bytes)
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn unreadable(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{path} is not as proc(5) has it"))
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[test]
    fn busy_work_costs_cpu() {
        let me = std::process::id();
        let before = cpu_ns(me).unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(20) {
            black_box(start);
        }
        let used = cpu_ns(me).unwrap() - before;
        assert!(used > 1_000_000, "{used} ns for 20 ms of work");
    }

    #[test]
    fn threads_that_have_ended_count() {
        let me = std::process::id();
        let before = cpu_with_ended_ns(me).unwrap();
        let work = || {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(100) {
                black_box(start);
            }
        };
        thread::spawn(work).join().unwrap();
        let used = cpu_with_ended_ns(me).unwrap() - before;
        assert!(used >= 20_000_000, "{used} ns for 100 ms of work");
    }

    #[test]
    fn touched_memory_is_resident() {
        let me = std::process::id();
        let before = resident_bytes(me).unwrap();
        let block = black_box(vec![1_u8; 16 << 20]);
        let grown = resident_bytes(me).unwrap() - before;
        assert!(grown >= block.len() as u64 * 9 / 10, "{grown} bytes");
        assert!(peak_resident_bytes(me).unwrap() >= block.len() as u64);
    }
}
