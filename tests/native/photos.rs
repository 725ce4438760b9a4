//! Every kind of photo, good and bad, through the decoder. The files come from tests/reference/photos.py.

use std::fs;

use glimpse::{Error, Photo};
use libtest_mimic::Trial;

use crate::support::{Outcome, fixture, trial};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("photos::good_formats_show_the_picture", good_formats_show_the_picture),
        trial("photos::grey_is_grey", grey_is_grey),
        trial("photos::transparency_is_white", transparency_is_white),
        trial("photos::bad_files_get_their_code", bad_files_get_their_code),
        trial("photos::odd_sizes_are_accepted", odd_sizes_are_accepted),
        trial(
            "photos::a_giant_is_refused_by_its_header",
            a_giant_is_refused_by_its_header,
        ),
        trial("photos::no_prefix_of_a_photo_panics", no_prefix_of_a_photo_panics),
    ]
}

const RED: [u8; 3] = [220, 30, 30];
const GREEN: [u8; 3] = [30, 160, 60];
const BLUE: [u8; 3] = [40, 60, 200];
const WHITE: [u8; 3] = [250, 250, 250];

fn decode(name: &str) -> Result<Photo, Error> {
    Photo::decode(&fs::read(fixture(name)).expect("the fixture is there"))
}

/// The middle of each quarter: top left, top right, bottom left, bottom right.
fn quarters(photo: &Photo) -> [[u8; 3]; 4] {
    let at = |x: u32, y: u32| {
        let start = ((y * photo.height() / 4) * photo.width() + x * photo.width() / 4) as usize * 3;
        [0, 1, 2].map(|channel| photo.rgb()[start + channel])
    };
    [at(1, 1), at(3, 1), at(1, 3), at(3, 3)]
}

fn assert_close(name: &str, got: [[u8; 3]; 4], expected: [[u8; 3]; 4]) {
    for (got, expected) in got.iter().flatten().zip(expected.iter().flatten()) {
        assert!(got.abs_diff(*expected) <= 6, "{name}: got {got}, expected {expected}");
    }
}

fn good_formats_show_the_picture() -> Outcome {
    let names = "plain.jpg plain.png plain.bmp plain.webp cmyk.jpg rotated.jpg animated.gif animated.webp";
    for name in names.split(' ') {
        let photo = decode(name)?;
        assert_eq!((photo.width(), photo.height()), (64, 48), "{name}");
        assert_close(name, quarters(&photo), [RED, BLUE, GREEN, WHITE]);
    }
    Ok(())
}

fn grey_is_grey() -> Outcome {
    for name in ["grey.jpg", "grey16.png"] {
        let photo = decode(name)?;
        assert!(
            photo
                .rgb()
                .chunks(3)
                .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]),
            "{name}"
        );
        assert_close(name, quarters(&photo), [[87; 3], [70; 3], [110; 3], [250; 3]]);
    }
    Ok(())
}

fn transparency_is_white() -> Outcome {
    assert_close(
        "alpha.png",
        quarters(&decode("alpha.png")?),
        [RED, [255; 3], GREEN, [255; 3]],
    );
    Ok(())
}

fn bad_files_get_their_code() -> Outcome {
    let expected = [
        ("empty.jpg", "photo-empty"),
        ("text.jpg", "photo-not-image"),
        ("truncated.jpg", "photo-corrupt"),
        ("truncated.png", "photo-corrupt"),
        ("corrupt.jpg", "photo-corrupt"),
        ("plain.avif", "photo-format"),
        ("plain.heic", "photo-format"),
        ("plain.tiff", "photo-format"),
    ];
    for (name, code) in expected {
        let error = decode(name).err().ok_or(format!("{name} was accepted"))?;
        assert_eq!(error.code(), code, "{name}: {error}");
    }
    Ok(())
}

fn odd_sizes_are_accepted() -> Outcome {
    for (name, size) in [("1x1.png", (1, 1)), ("12000x40.png", (12_000, 40))] {
        let photo = decode(name)?;
        assert_eq!((photo.width(), photo.height()), size, "{name}");
        glimpse::Picture::from_photo(&photo)?;
    }
    Ok(())
}

/// A file of nothing but its header gets the same answer, so no pixel was looked at.
fn a_giant_is_refused_by_its_header() -> Outcome {
    let whole = fs::read(fixture("100-megapixels.png"))?;
    for bytes in [&whole[..], &whole[..200]] {
        let error = Photo::decode(bytes).err().ok_or("accepted")?;
        assert!(
            matches!(
                error,
                Error::PhotoTooLarge {
                    width: 10_000,
                    height: 10_000,
                    ..
                }
            ),
            "{error}"
        );
    }
    Ok(())
}

fn no_prefix_of_a_photo_panics() -> Outcome {
    for name in [
        "plain.jpg",
        "rotated.jpg",
        "plain.png",
        "plain.webp",
        "animated.gif",
        "plain.bmp",
        "plain.heic",
    ] {
        let whole = fs::read(fixture(name))?;
        for end in 0..whole.len().min(900) {
            let _ = Photo::decode(&whole[..end]);
        }
        for position in 0..whole.len().min(600) {
            let mut flipped = whole.clone();
            flipped[position] ^= 0xFF;
            let _ = Photo::decode(&flipped);
        }
    }
    Ok(())
}
