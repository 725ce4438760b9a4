//! One file over HTTP, with progress, whole and checked or not at all.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::Error;

const CHUNK: usize = 1 << 16;

/// Downloads `url` to `target`, which appears only once all bytes have come and their SHA-256 begins with
/// `hash_prefix`. `progress` gets the bytes so far and, where the server tells it, the total.
///
/// # Errors
/// [`Error::Download`] with the status, the cut or the hashes; [`Error::Io`] where the file cannot be written.
pub fn download(
    url: &str,
    target: &Path,
    hash_prefix: Option<&str>,
    mut progress: impl FnMut(u64, Option<u64>),
) -> Result<(), Error> {
    let failed = |reason: String| Error::Download {
        url: url.into(),
        reason,
    };
    let response = ureq::get(url).call().map_err(|e| failed(e.to_string()))?;
    let total = response.body().content_length();
    let mut body = response.into_body().into_reader();
    let part = target.with_extension("part");
    let on_disk = |source: io::Error| Error::Io {
        path: part.clone(),
        source,
    };
    let mut file = File::create(&part).map_err(on_disk)?;
    let mut hasher = Sha256::new();
    let (mut received, mut chunk) = (0, vec![0; CHUNK]);
    loop {
        let read = body
            .read(&mut chunk)
            .map_err(|e| failed(format!("cut off after {received} bytes: {e}")))?;
        if read == 0 {
            break;
        }
        file.write_all(&chunk[..read]).map_err(on_disk)?;
        hasher.update(&chunk[..read]);
        received += read as u64;
        progress(received, total);
    }
    if let Some(total) = total.filter(|total| *total != received) {
        return Err(failed(format!("cut off: expected {total} bytes, got {received}")));
    }
    let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(prefix) = hash_prefix.filter(|prefix| !hash.starts_with(*prefix)) {
        return Err(failed(format!(
            "expected a file whose SHA-256 begins with {prefix}, got {hash}"
        )));
    }
    drop(file);
    fs::rename(&part, target).map_err(on_disk)
}

/// The hash that PyTorch's file names carry: `resnet18-f37072fd.pth` → `f37072fd`.
pub fn hash_prefix_in_name(url: &str) -> Option<&str> {
    let name = url.rsplit('/').next()?;
    let (_, hash) = name.rsplit_once('.')?.0.rsplit_once('-')?;
    let is_hash = hash.len() >= 8 && hash.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase());
    is_hash.then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_hash() {
        assert_eq!(
            hash_prefix_in_name("https://a.example/models/resnet18-f37072fd.pth"),
            Some("f37072fd")
        );
        assert_eq!(hash_prefix_in_name("https://a.example/resnet-18.safetensors"), None);
        assert_eq!(hash_prefix_in_name("weights.pth"), None);
    }
}
