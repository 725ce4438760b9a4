//! Zip archives, as project files are: read with every limit checked before anything is unpacked, written without
//! compression, for what they hold is compressed already. What the files in them mean is `project.rs`'s business.
//!
//! Nothing is ever unpacked to a disk, and all that is believed of a file's size is checked against its bytes.

use std::collections::HashMap;

use miniz_oxide::inflate::decompress_to_vec_with_limit;
use rawzip::{CompressionMethod, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder, ZipFileHeaderRecord, ZipLocator};

use crate::Error;

/// Most files in an archive.
pub const MOST_FILES: usize = 25_000;
/// Most bytes that all files have together, unpacked: what an archive without 64-bit sizes can hold.
pub const MOST_BYTES: u64 = u32::MAX as u64;
/// Most bytes of a file's name.
const MOST_NAME: usize = 1_000;
/// Bytes of the archive's directory that are read at once.
const BUFFER: usize = 1 << 16;

/// One file of an archive.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its path: relative, with `/` between its parts, none of which is `..`.
    pub name: String,
    /// Its bytes, unpacked, as the archive says.
    pub size: u64,
    packed: u64,
    deflated: bool,
    crc32: u32,
    place: ZipArchiveEntryWayfinder,
}

/// An archive that is being read.
#[derive(Debug)]
pub struct Archive<R> {
    zip: ZipArchive<R>,
    length: u64,
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
}

impl<R: ReaderAt> Archive<R> {
    /// Reads the directory of an archive of `length` bytes.
    ///
    /// # Errors
    /// [`Error::ProjectFormat`] where it is no archive; [`Error::ProjectDamaged`] for paths that lead elsewhere, names
    /// that come twice, counts that disagree; [`Error::ProjectEncrypted`]; [`Error::ProjectTooLarge`].
    pub fn open(reader: R, length: u64) -> Result<Self, Error> {
        let mut buffer = vec![0; BUFFER];
        let found = ZipLocator::new().locate_in_reader(reader, &mut buffer, length);
        let zip = found.map_err(|(_, error)| Error::ProjectFormat {
            reason: format!("no zip archive: {error}"),
        })?;
        let entries = entries(&zip, &mut buffer)?;
        let mut by_name = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            if by_name.insert(entry.name.clone(), index).is_some() {
                return Err(damaged(format!("`{}` is in it twice", entry.name)));
            }
        }
        Ok(Self {
            zip,
            length,
            entries,
            by_name,
        })
    }

    /// All files, in the order of the archive's directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The file of that name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(name).map(|&index| &self.entries[index])
    }

    /// Unpacks a file of at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::ProjectTooLarge`]; [`Error::ProjectDamaged`] where its bytes are not what the archive says.
    pub fn read(&self, entry: &Entry, limit: u64) -> Result<Vec<u8>, Error> {
        let wrong = |what: &str| damaged(format!("`{}` {what}", entry.name));
        check_limit("bytes of a file", entry.size, limit)?;
        let place = self.zip.get_entry(entry.place).map_err(unreadable)?;
        let (start, end) = place.compressed_data_range();
        if end > self.length {
            return Err(wrong("is cut off"));
        }
        // Deflate never makes anything much longer.
        if entry.packed > entry.size + entry.size / 8 + 64 {
            return Err(wrong("is larger packed than unpacked"));
        }
        let mut packed = vec![0; entry.packed as usize];
        self.zip
            .get_ref()
            .read_exact_at(&mut packed, start)
            .map_err(unreadable)?;
        let bytes = match entry.deflated {
            false => packed,
            true => decompress_to_vec_with_limit(&packed, entry.size as usize)
                .map_err(|_| wrong("cannot be unpacked to the size that the archive says"))?,
        };
        if bytes.len() as u64 != entry.size || rawzip::crc32(&bytes) != entry.crc32 {
            return Err(wrong("is not what the archive says"));
        }
        Ok(bytes)
    }
}

/// The files of an archive's directory, without folders.
fn entries<R: ReaderAt>(zip: &ZipArchive<R>, buffer: &mut [u8]) -> Result<Vec<Entry>, Error> {
    let (mut entries, mut count, mut total) = (Vec::new(), 0, 0);
    let mut records = zip.entries(buffer);
    while let Some(record) = records.next_entry().map_err(unreadable)? {
        count += 1;
        check_limit("files", count, MOST_FILES as u64)?;
        if let Some(entry) = entry(&record)? {
            total += entry.size;
            check_limit("bytes of all files", total, MOST_BYTES)?;
            entries.push(entry);
        }
    }
    match zip.entries_hint() == count {
        true => Ok(entries),
        false => Err(damaged(format!(
            "it says that it has {} files, got {count}",
            zip.entries_hint()
        ))),
    }
}

/// A file of the directory; `None` for a folder.
fn entry(record: &ZipFileHeaderRecord) -> Result<Option<Entry>, Error> {
    let path = record.file_path();
    let name = String::from_utf8_lossy(path.as_bytes()).into_owned();
    check_name(&name)?;
    if record.is_dir() {
        return Ok(None);
    }
    if record.flags().is_encrypted() || record.flags().has_strong_encryption() {
        return Err(Error::ProjectEncrypted);
    }
    let deflated = match record.compression_method() {
        CompressionMethod::STORE => false,
        CompressionMethod::DEFLATE => true,
        other => return Err(damaged(format!("`{name}` is compressed by {other}, expected deflate"))),
    };
    Ok(Some(Entry {
        name,
        size: record.uncompressed_size_hint().min(u64::from(u32::MAX) + 1),
        packed: record.compressed_size_hint(),
        deflated,
        crc32: record.crc32(),
        place: record.wayfinder(),
    }))
}

/// Refuses names that lead out of a folder, whatever system reads them.
fn check_name(name: &str) -> Result<(), Error> {
    check_limit("characters of a file's name", name.len() as u64, MOST_NAME as u64)?;
    let strange = name
        .chars()
        .any(|sign| sign.is_control() || sign == '\\' || sign == ':');
    match name.is_empty() || name.starts_with('/') || strange || name.split('/').any(|part| part == "..") {
        true => Err(damaged(format!("`{}` is no path within it", name.escape_debug()))),
        false => Ok(()),
    }
}

/// An archive that is being written. It keeps the directory alone: what was added is handed out at once.
#[derive(Debug, Default)]
pub struct ArchiveWriter {
    directory: Vec<u8>,
    offset: u64,
    count: u16,
}

impl ArchiveWriter {
    /// The archive's next bytes: those of a file. `rawzip` writes sizes behind a file's bytes, where not every program
    /// looks for them; here they are known before.
    ///
    /// # Errors
    /// [`Error::ProjectTooLarge`].
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<Vec<u8>, Error> {
        check_limit("files", u64::from(self.count) + 1, MOST_FILES as u64)?;
        let mut common = Vec::with_capacity(26);
        // Version 2.0, names in UTF-8, no compression, midnight of the first day that a zip archive knows.
        for field in [20_u16, 1 << 11, 0, 0, 0x21] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        let size = content.len() as u32;
        for field in [rawzip::crc32(content), size, size] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        common.extend_from_slice(&(name.len() as u16).to_le_bytes());
        common.extend_from_slice(&[0; 2]);

        let bytes = [b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat();
        check_limit("bytes of all files", self.offset + bytes.len() as u64, MOST_BYTES)?;
        let offset = (self.offset as u32).to_le_bytes();
        let entry = [
            b"PK\x01\x02\x14\x00",
            common.as_slice(),
            &[0; 10],
            &offset,
            name.as_bytes(),
        ]
        .concat();
        self.directory.extend_from_slice(&entry);
        self.offset += bytes.len() as u64;
        self.count += 1;
        Ok(bytes)
    }

    /// The archive's last bytes.
    ///
    /// # Errors
    /// [`Error::ProjectTooLarge`].
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        let length = self.directory.len() as u32;
        check_limit("bytes of all files", self.offset + u64::from(length), MOST_BYTES)?;
        self.directory.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00");
        for count in [self.count, self.count] {
            self.directory.extend_from_slice(&count.to_le_bytes());
        }
        for field in [length, self.offset as u32] {
            self.directory.extend_from_slice(&field.to_le_bytes());
        }
        self.directory.extend_from_slice(&[0; 2]);
        Ok(self.directory)
    }
}

/// Refuses more than so much.
pub(crate) fn check_limit(what: &'static str, got: u64, limit: u64) -> Result<(), Error> {
    match got <= limit {
        true => Ok(()),
        false => Err(Error::ProjectTooLarge { what, limit, got }),
    }
}

/// The error of an archive that is not what it should be.
pub(crate) fn damaged(reason: String) -> Error {
    Error::ProjectDamaged { reason }
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = ArchiveWriter::default();
        let mut bytes = Vec::new();
        for (name, content) in files {
            bytes.extend(writer.add(name, content).unwrap());
        }
        bytes.extend(writer.finish().unwrap());
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let files: [(&str, &[u8]); 3] = [("a.txt", b"hello"), ("folder/ä.bin", &[7; 70_000]), ("empty", b"")];
        let bytes = archive(&files);
        let archive = Archive::open(bytes.as_slice(), bytes.len() as u64).unwrap();
        assert_eq!(archive.entries().len(), 3);
        for (name, content) in files {
            let entry = archive.find(name).unwrap();
            assert_eq!(archive.read(entry, 70_000).unwrap(), content);
        }
        let entry = archive.find("folder/ä.bin").unwrap();
        assert_eq!(archive.read(entry, 69_999).unwrap_err().code(), "project-too-large");
        assert!(archive.find("b.txt").is_none());
    }

    #[test]
    fn names_stay_within_the_archive() {
        for name in ["a", "photos/0001.png", "a/..b/c", "0-!-Class 1/0.jpg"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "/etc/passwd",
            "../a",
            "a/../../b",
            "a\\..\\b",
            "C:/a",
            "a\0b",
            "a\nb",
            "..",
        ] {
            assert_eq!(check_name(name).unwrap_err().code(), "project-damaged", "{name:?}");
        }
        assert_eq!(check_name(&"n".repeat(1_001)).unwrap_err().code(), "project-too-large");
    }
}
