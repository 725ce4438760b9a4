//! Share links with forged contents behind a checksum that fits: whatever is read must answer with finite numbers.

#![no_main]

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use glimpse::{Embedding, embedding::LENGTH, link};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    // As they are, as a body, and as what a body inflates to; of either version, and of one that is not known.
    let version = kind / 3 % 3 + 1;
    let text = match kind % 3 {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => sealed(version, rest),
        _ => sealed(version, &miniz_oxide::deflate::compress_to_vec(rest, 1)),
    };
    if let Ok(shared) = link::read(&text) {
        let query = Embedding::new(vec![1.0; LENGTH]).expect("a finite embedding");
        let prediction = shared.predict(&query);
        assert!(prediction.scores.iter().all(|score| score.probability.is_finite()));
        assert!(prediction.familiarity.probability.is_finite());
    }
});

/// Version, checksum and body.
fn sealed(version: u8, body: &[u8]) -> String {
    let hash = Sha256::new().chain_update([version]).chain_update(body).finalize();
    let bytes = [&[version], &hash[..4], body].concat();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
