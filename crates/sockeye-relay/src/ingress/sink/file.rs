//! Records as lines of a file, which is rotated by its size.

use std::{
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use parking_lot::Mutex;

use super::{Record, Sink, SinkError};

/// When what was written is also on the disk.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fsync {
    /// After each record.
    Always,
    /// After each batch, before the spool forgets it: no loss when the power goes.
    #[default]
    Batch,
    /// When the system likes: the last seconds are lost when the power goes.
    Never,
}

/// Lines of JSON in a file. At `max_bytes` it becomes `NAME.1`, that `NAME.2`, and so on up to `keep`.
#[derive(Debug)]
pub struct FileSink(Arc<Mutex<Lines>>);

impl FileSink {
    /// Appends to a file, which is made with the first record. Default of `max_bytes`: never rotated, if `None`.
    pub fn new(
        path: impl Into<PathBuf>,
        max_bytes: Option<u64>,
        keep: usize,
        fsync: Fsync,
    ) -> Self {
        let path = path.into();
        Self(Arc::new(Mutex::new(Lines { path, max_bytes, keep, fsync, open: None })))
    }
}

impl Sink for FileSink {
    fn deliver<'a>(&'a mut self, batch: &'a [Record]) -> BoxFuture<'a, Result<usize, SinkError>> {
        let (lines, records) = (self.0.clone(), batch.to_vec());
        async move {
            tokio::task::spawn_blocking(move || lines.lock().write(&records))
                .await
                .map_err(SinkError::unreachable)?
                .map_err(SinkError::unreachable)
        }
        .boxed()
    }
}

#[derive(Debug)]
struct Lines {
    path: PathBuf,
    max_bytes: Option<u64>,
    keep: usize,
    fsync: Fsync,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
    /// The id of the last line.
    last: Option<String>,
    is_regular: bool,
}

impl Lines {
    fn write(&mut self, records: &[Record]) -> io::Result<usize> {
        // After an error nobody knows how the file ends: it is opened, and its end repaired.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open()?,
        };
        for record in records {
            if open.last.as_deref().is_some_and(|last| record.is_known_after(last)) {
                continue;
            }
            let length = record.line.len() as u64 + 1;
            if open.is_regular
                && open.bytes > 0
                && self.max_bytes.is_some_and(|max| open.bytes + length > max)
            {
                open = self.rotate(open)?;
            }
            let mut line = Vec::with_capacity(record.line.len() + 1);
            line.extend_from_slice(&record.line);
            line.push(b'\n');
            open.file.write_all(&line)?;
            open.bytes += length;
            open.last = Some((*record.id).to_owned());
            if self.fsync == Fsync::Always && open.is_regular {
                open.file.sync_data()?;
            }
        }
        if self.fsync == Fsync::Batch && open.is_regular {
            open.file.sync_data()?;
        }
        self.open = Some(open);
        Ok(records.len())
    }

    fn open(&self) -> io::Result<Open> {
        let mut file = File::options().create(true).append(true).read(true).open(&self.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(Open { file, bytes: 0, last: None, is_regular: false });
        }
        let whole = whole_lines(&mut file, metadata.len())?;
        if whole < metadata.len() {
            // A line that a crash has cut off comes again as a whole.
            file.set_len(whole)?;
        }
        let mut last = last_id(&mut file, whole)?;
        if last.is_none() && whole == 0 && self.keep > 0 {
            // Rotated, and nothing written since.
            if let Ok(mut before) = File::open(numbered(&self.path, 1)) {
                let length = before.metadata()?.len();
                last = last_id(&mut before, length)?;
            }
        }
        if whole == 0 && self.fsync != Fsync::Never {
            sync_folder(&self.path);
        }
        Ok(Open { file, bytes: whole, last, is_regular: true })
    }

    fn rotate(&self, open: Open) -> io::Result<Open> {
        if self.fsync != Fsync::Never {
            open.file.sync_data()?;
        }
        let last = open.last;
        drop(open.file);
        if self.keep == 0 {
            fs::remove_file(&self.path)?;
        } else {
            for number in (1..self.keep).rev() {
                match fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&self.path, numbered(&self.path, 1))?;
        }
        let opened = self.open()?;
        Ok(Open { last: opened.last.or(last), ..opened })
    }
}

/// How long the file is up to the end of its last whole line.
fn whole_lines(file: &mut File, length: u64) -> io::Result<u64> {
    Ok(before(file, length, b'\n')?.map_or(0, |at| at + 1))
}

/// The id in the last line, which ends at `end`.
fn last_id(file: &mut File, end: u64) -> io::Result<Option<String>> {
    /// A longer line is read for nothing but its id; it may come twice then.
    const LONGEST: u64 = 64 << 20;

    let Some(end) = end.checked_sub(1) else { return Ok(None) };
    let start = before(file, end, b'\n')?.map_or(0, |at| at + 1);
    if end - start > LONGEST {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(start))?;
    let mut line = Vec::new();
    file.take(end - start).read_to_end(&mut line)?;
    #[derive(serde::Deserialize)]
    struct Line {
        id: String,
    }
    Ok(serde_json::from_slice::<Line>(&line).ok().map(|line| line.id))
}

/// Where the last such byte before `end` is.
fn before(file: &mut File, mut end: u64, byte: u8) -> io::Result<Option<u64>> {
    let mut chunk = [0; 8192];
    while end > 0 {
        let start = end.saturating_sub(chunk.len() as u64);
        let part = &mut chunk[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|found| *found == byte) {
            return Ok(Some(start + at as u64));
        }
        end = start;
    }
    Ok(None)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The name of a new file is to outlast the power, too. Not every system can do that.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or_else(|| Path::new("."))) {
        let _ = folder.sync_all();
    }
}
