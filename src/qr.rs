//! QR codes (ISO/IEC 18004) of addresses that are short enough to be photographed off a screen.

use qrcodegen::{QrCode, QrCodeEcc};
use serde::Serialize;

/// A longer address has a code too fine for the cameras of phones; this many take one of 137 modules a side.
pub const MOST_CHARACTERS: usize = 1_700;

/// A QR code as a drawing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Qr {
    /// Modules on each side, without the margin of four that readers expect.
    pub size: usize,
    /// The dark modules as the data of an SVG path, a module to a unit.
    pub path: String,
}

impl Qr {
    /// The code of an address, with the least error correction that fits its size; `None` where it is too long.
    pub fn new(address: &str) -> Option<Self> {
        if address.len() > MOST_CHARACTERS {
            return None;
        }
        let code = QrCode::encode_text(address, QrCodeEcc::Low).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let length = (x..code.size()).take_while(|&x| code.get_module(x, y)).count();
                if length > 0 {
                    path.push_str(&format!("M{x} {y}h{length}v1h-{length}z"));
                }
                x += length as i32 + 1;
            }
        }
        Some(Self {
            size: code.size() as usize,
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an independent reader reads off the drawing.
    fn photographed(qr: &Qr) -> String {
        const MARGIN: usize = 4;
        const PIXELS: usize = 3;
        let side = (qr.size + 2 * MARGIN) * PIXELS;
        let mut grey = vec![255; side * side];
        for run in qr.path.split('M').skip(1) {
            let numbers: Vec<usize> = run
                .split(['h', 'v', ' ', '-'])
                .take(3)
                .map(|number| number.parse().unwrap())
                .collect();
            for x in numbers[0]..numbers[0] + numbers[2] {
                for (dx, dy) in (0..PIXELS).flat_map(|dx| (0..PIXELS).map(move |dy| (dx, dy))) {
                    grey[((numbers[1] + MARGIN) * PIXELS + dy) * side + (x + MARGIN) * PIXELS + dx] = 0;
                }
            }
        }
        let mut picture = rqrr::PreparedImage::prepare_from_greyscale(side, side, |x, y| grey[y * side + x]);
        picture.detect_grids()[0].decode().unwrap().1
    }

    #[test]
    fn a_reader_reads_the_address() {
        for length in [1, 40, 300, MOST_CHARACTERS] {
            let address: String = "https://example.org/glimpse/#c=Aq_-9"
                .chars()
                .cycle()
                .take(length)
                .collect();
            let qr = Qr::new(&address).unwrap();
            assert!(qr.size <= 137);
            assert_eq!(photographed(&qr), address);
        }
    }

    #[test]
    fn long_addresses_have_none() {
        assert_eq!(Qr::new(&"a".repeat(MOST_CHARACTERS + 1)), None);
    }
}
