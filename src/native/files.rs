//! Files: errors that name the path, and writing that leaves nothing half done.

use std::{
    fs,
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use crate::Error;

/// Reads a file.
///
/// # Errors
/// [`Error::Io`].
pub fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(io(path))
}

/// Writes a file.
///
/// # Errors
/// [`Error::Io`].
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Error> {
    fs::write(path, bytes).map_err(io(path))
}

/// Writes beside the target and renames, so that an interruption leaves the old file. Several threads or programs may
/// write the same target at once: each has a part of its own, and the last one stays.
///
/// # Errors
/// [`Error::Io`].
pub fn replace(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    static PARTS: AtomicU64 = AtomicU64::new(0);
    let number = PARTS.fetch_add(1, Ordering::Relaxed);
    let part = target.with_extension(format!("{}-{number}.part", process::id()));
    write(&part, bytes)?;
    fs::rename(&part, target).map_err(io(target))
}

/// The error of a file, made from the system's.
pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_path_buf();
    move |source| Error::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_threads_replace_one_file() {
        let folder = std::env::temp_dir().join(format!("glimpse-replace-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let target = folder.join("file");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..50).for_each(|_| replace(&target, b"whole").unwrap()));
            }
        });
        assert_eq!(read(&target).unwrap(), b"whole");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "no part is left");
        fs::remove_dir_all(&folder).unwrap();
    }
}
