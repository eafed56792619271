//! Attachments in files of a folder: `--save-bin` writes them, and `pipe` reads them back.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::{exit::Exit, failure::Ends};

/// An attachment could not be written to its file.
#[derive(Debug, Error)]
#[error("{}: {source}; name a folder that can be written to with --save-bin DIR", path.display())]
pub(crate) struct Unsaved {
    path: PathBuf,
    source: io::Error,
    /// Whether it is the folder itself that can't be used: whoever named it can name another.
    is_folder: bool,
}

impl Ends for Unsaved {
    fn exit(&self) -> Exit {
        if self.is_folder { Exit::Usage } else { Exit::Fault }
    }
}

/// Makes the folder, unless it is there.
///
/// # Errors
///
/// It can't be made.
pub(super) fn make(folder: PathBuf) -> Result<PathBuf, Unsaved> {
    match fs::create_dir_all(&folder) {
        Ok(()) => Ok(folder),
        Err(source) => Err(Unsaved { path: folder, source, is_folder: true }),
    }
}

/// Writes a new file for its owner alone, and says which. Nothing that a server says decides where, and nobody can guess
/// it: whatever stands there already, such as a link to elsewhere, is left alone.
///
/// # Errors
///
/// It can't be written.
pub(super) fn save(folder: &Path, bytes: &[u8]) -> Result<String, Unsaved> {
    let mut random = [0; RANDOM_BYTES];
    let unsaved = |path: &Path, source| Unsaved { path: path.to_owned(), source, is_folder: false };
    getrandom::fill(&mut random).map_err(|error| unsaved(folder, error.into()))?;
    let path = folder.join(format!("{}{SUFFIX}", hex(&random)));
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path).and_then(|mut file| file.write_all(bytes)) {
        Ok(()) => {
            let name = serde_json::Value::from(path.to_string_lossy());
            let (len, hash) = (bytes.len(), hex(&Sha256::digest(bytes)));
            Ok(format!(r#"{{"$bin_file":{name},"len":{len},"sha256":"{hash}"}}"#))
        }
        Err(source) => Err(unsaved(&path, source)),
    }
}

const RANDOM_BYTES: usize = 16;
const SUFFIX: &str = ".bin";

/// The folder whose attachments are read back, if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Saved(Option<PathBuf>);

/// What stands for an attachment in a file; nothing else may stand beside these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    #[serde(rename = "$bin_file")]
    file: PathBuf,
    len: u64,
    sha256: String,
}

impl Saved {
    pub(crate) const fn new(folder: Option<PathBuf>) -> Self {
        Self(folder)
    }

    /// The bytes that an object stands for; `None` if it stands for none.
    ///
    /// It may be a stranger's, passed on from a server. So no folder of its own counts and no name but one of ours, which
    /// nobody can guess, and the file has to hold what it says: it gets a stranger nothing that they don't have.
    ///
    /// # Errors
    ///
    /// There is no such file.
    pub(crate) fn read(&self, raw: &RawValue) -> Result<Option<Vec<u8>>, String> {
        let Ok(Named { file, len, sha256 }) = serde_json::from_str(raw.get()) else {
            return Ok(None);
        };
        let wrong = |why: &str| format!("$bin_file: {}: {why}", file.display());
        let Some(folder) = &self.0 else {
            return Err(wrong("name the folder that it lies in with --save-bin DIR"));
        };
        let name = file.file_name().and_then(|name| name.to_str()).filter(|name| is_ours(name));
        let name = name.ok_or_else(|| wrong("not the name of a file that --save-bin has saved"))?;
        let path = folder.join(name);
        let there = fs::symlink_metadata(&path).map_err(|error| wrong(&error.to_string()))?;
        if !there.is_file() || there.len() != len {
            return Err(wrong(&format!("no file of {len} bytes")));
        }
        let bytes = fs::read(&path).map_err(|error| wrong(&error.to_string()))?;
        match hex(&Sha256::digest(&bytes)) == sha256 {
            true => Ok(Some(bytes)),
            false => Err(wrong("its SHA-256 is another")),
        }
    }
}

/// Whether a file may have been written by [`save`], by its name.
fn is_ours(name: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    name.strip_suffix(SUFFIX)
        .is_some_and(|random| random.len() == 2 * RANDOM_BYTES && random.bytes().all(is_hex))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // a String takes everything
        hex
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_what_was_saved_is_read_back() {
        let folder = std::env::temp_dir().join(format!("sockeye-saved-{}", std::process::id()));
        make(folder.clone()).unwrap();
        let saved = Saved::new(Some(folder.clone()));
        let read = |saved: &Saved, object: &Value| {
            saved.read(&RawValue::from_string(object.to_string()).unwrap())
        };
        let object: Value = serde_json::from_str(&save(&folder, b"abc").unwrap()).unwrap();
        assert_eq!(read(&saved, &object), Ok(Some(b"abc".to_vec())));
        let name = Path::new(object["$bin_file"].as_str().unwrap()).file_name().unwrap();
        let name = name.to_str().unwrap();
        // Wherever it is said to lie, it is looked for here.
        for said in [name.to_owned(), format!("/etc/{name}"), format!("../{name}")] {
            let object = json!({ "$bin_file": said, "len": 3, "sha256": object["sha256"] });
            assert_eq!(read(&saved, &object), Ok(Some(b"abc".to_vec())), "{said}");
        }
        #[track_caller] // a failure points at the row, not at this function
        fn check(found: Result<Option<Vec<u8>>, String>, expect: &str) {
            assert!(found.as_ref().is_err_and(|why| why.contains(expect)), "{found:?}");
        }
        check(read(&Saved::new(None), &object), "--save-bin DIR");
        let with = |key: &str, value: Value| {
            let mut object = object.clone();
            object[key] = value;
            object
        };
        check(read(&saved, &with("len", json!(4))), "no file of 4 bytes");
        check(read(&saved, &with("sha256", json!("00"))), "SHA-256");
        // Files that lie there, but were not saved there.
        fs::write(folder.join("secret"), b"abc").unwrap();
        let inner = format!("{}.bin", "a".repeat(32));
        fs::create_dir(folder.join(&inner)).unwrap();
        for other in ["secret", "../secret", "/etc/passwd", "..", "", ".bin", &inner[1..]] {
            check(read(&saved, &with("$bin_file", json!(other))), "not the name of a file");
        }
        check(read(&saved, &with("$bin_file", json!(inner))), "no file of 3 bytes");
        #[cfg(unix)]
        {
            let link = format!("{}.bin", "b".repeat(32));
            std::os::unix::fs::symlink(folder.join("secret"), folder.join(&link)).unwrap();
            check(read(&saved, &with("$bin_file", json!(link))), "no file of 3 bytes");
        }
        // All else is an object like any other.
        for other in [with("more", json!(1)), json!({ "$bin_file": name }), json!([])] {
            assert_eq!(read(&saved, &other), Ok(None), "{other}");
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
