//! Zip archives of which every word can be a lie, for tests of what reads them.

use miniz_oxide::deflate::compress_to_vec;

/// A file of an archive, and what the archive says of it.
#[derive(Clone)]
pub struct Packed {
    /// Its name.
    pub name: Vec<u8>,
    /// Its bytes as they lie in the archive.
    pub bytes: Vec<u8>,
    /// How they are said to be compressed: 0 not at all, 8 deflate.
    pub method: u16,
    /// The flags of the entry.
    pub flags: u16,
    /// The check sum that is said.
    pub crc32: u32,
    /// How many bytes there are said to be, packed.
    pub packed: u32,
    /// And unpacked.
    pub size: u32,
    /// Where the entry is said to begin; `None` for where it does.
    pub offset: Option<u32>,
}

impl Packed {
    /// A file as it is.
    pub fn stored(name: &str, content: &[u8]) -> Self {
        Self {
            name: name.into(),
            bytes: content.to_vec(),
            method: 0,
            flags: 0,
            crc32: rawzip::crc32(content),
            packed: content.len() as u32,
            size: content.len() as u32,
            offset: None,
        }
    }

    /// A file, compressed.
    pub fn deflated(name: &str, content: &[u8]) -> Self {
        let bytes = compress_to_vec(content, 6);
        Self {
            method: 8,
            packed: bytes.len() as u32,
            bytes,
            ..Self::stored(name, content)
        }
    }

    fn common(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for field in [20, self.flags, self.method, 0, 0x21] {
            bytes.extend(field.to_le_bytes());
        }
        for field in [self.crc32, self.packed, self.size] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend((self.name.len() as u16).to_le_bytes());
        bytes.extend([0; 2]);
        bytes
    }
}

/// An archive of these files. `count`, where it is given, is how many there are said to be.
pub fn zip(files: &[Packed], count: Option<u16>) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for file in files {
        let offset = file.offset.unwrap_or(bytes.len() as u32);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(file.common());
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(&file.name);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(file.common());
        bytes.extend(&file.name);
        bytes.extend(&file.bytes);
    }
    let start = bytes.len() as u32;
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
    for _ in 0..2 {
        bytes.extend(count.unwrap_or(files.len() as u16).to_le_bytes());
    }
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0; 2]);
    bytes
}
