//! PNG files, bare: the chunks that make the picture and nothing else, so that no text, date or place that a program may
//! have written into one travels along. Pixels are left as they are, packed.

/// Bytes that begin every PNG.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The chunks that a picture needs: size, palette, transparency, pixels, end.
const NEEDED: [&[u8; 4]; 5] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"];

/// A PNG without anything beside its picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarePng {
    /// The file.
    pub bytes: Vec<u8>,
    /// Width in pixels, as its header says.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

impl BarePng {
    /// Takes away what is not the picture; `None` where this is no whole PNG. The pixels are not looked at.
    pub fn of(png: &[u8]) -> Option<Self> {
        let mut rest = png.strip_prefix(SIGNATURE)?;
        let mut bytes = SIGNATURE.to_vec();
        let mut size = None;
        loop {
            let (length, _) = rest.split_first_chunk()?;
            // Length, name, content, check sum.
            let (chunk, after) = rest.split_at_checked((u32::from_be_bytes(*length) as usize).checked_add(12)?)?;
            let name: &[u8; 4] = chunk[4..].first_chunk()?;
            if size.is_none() {
                size = Some(header(name, &chunk[8..])?);
            }
            if NEEDED.contains(&name) {
                bytes.extend_from_slice(chunk);
            }
            if name == b"IEND" {
                let (width, height) = size?;
                return Some(Self { bytes, width, height });
            }
            rest = after;
        }
    }
}

/// Width and height, which the first chunk holds.
fn header(name: &[u8; 4], content: &[u8]) -> Option<(u32, u32)> {
    let (width, rest) = content.split_first_chunk()?;
    let (height, _) = rest.split_first_chunk()?;
    (name == b"IHDR").then(|| (u32::from_be_bytes(*width), u32::from_be_bytes(*height)))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, RgbImage};

    use super::*;

    /// A picture of one colour.
    pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
        let picture = RgbImage::from_pixel(width, height, image::Rgb([200, 100, 50]));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    /// A chunk; its check sum is left wrong, which nobody looks at here.
    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes(), name.as_slice(), content, &[0; 4]].concat()
    }

    #[test]
    fn what_is_no_picture_is_taken_away() {
        let plain = png(6, 4);
        let (start, rest) = plain.split_at(SIGNATURE.len() + 25);
        let extra = [
            chunk(b"tEXt", b"Comment\0home"),
            chunk(b"eXIf", b"MM\0*GPS"),
            chunk(b"iTXt", b"place"),
        ];
        let dressed = [start, extra.concat().as_slice(), rest, b"behind the end"].concat();
        let bare = BarePng::of(&dressed).unwrap();
        assert_eq!((bare.width, bare.height), (6, 4));
        assert_eq!(bare.bytes, plain);
    }

    #[test]
    fn no_part_of_a_png_is_one() {
        let plain = png(6, 4);
        for end in 0..plain.len() {
            assert_eq!(BarePng::of(&plain[..end]), None);
        }
        assert_eq!(
            BarePng::of(&[SIGNATURE, &chunk(b"IEND", b"")].concat()),
            None,
            "no header"
        );
        let endless = [SIGNATURE, &u32::MAX.to_be_bytes(), b"IHDR"].concat();
        assert_eq!(BarePng::of(&endless), None);
    }
}
