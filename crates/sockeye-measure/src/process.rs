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
    fn touched_memory_is_resident() {
        let me = std::process::id();
        let before = resident_bytes(me).unwrap();
        let block = black_box(vec![1_u8; 16 << 20]);
        let grown = resident_bytes(me).unwrap() - before;
        assert!(grown >= block.len() as u64 * 9 / 10, "{grown} bytes");
        assert!(peak_resident_bytes(me).unwrap() >= block.len() as u64);
    }
}
