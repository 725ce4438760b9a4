//! Squares for the page: from photo bytes, from canvas pixels, and back to pixels for a thumbnail.

use wasm_bindgen::{Clamped, prelude::*};

use crate::{Error, Photo, Square};

/// The exact 224 × 224 pixels that are embedded.
#[wasm_bindgen(js_name = Square)]
pub struct WebSquare {
    pub(super) square: Square,
}

#[wasm_bindgen(js_class = Square)]
impl WebSquare {
    /// RGBA pixels, opaque, for an `ImageData` of 224 × 224.
    pub fn rgba(&self) -> Clamped<Vec<u8>> {
        Clamped(self.square.rgba())
    }
}

/// Decodes a JPEG, PNG, WebP, GIF or BMP file and crops it.
///
/// # Errors
/// Codes `photo-…`.
#[wasm_bindgen(js_name = squareFromPhoto)]
pub fn square_from_photo(bytes: &[u8]) -> Result<WebSquare, Error> {
    let square = Square::from_photo(&Photo::decode(bytes)?)?;
    Ok(WebSquare { square })
}

/// Crops upright RGBA pixels of any size.
///
/// # Errors
/// `pixel-count`, `photo-too-large`.
#[wasm_bindgen(js_name = squareFromPixels)]
pub fn square_from_pixels(rgba: Clamped<Vec<u8>>, width: u32, height: u32) -> Result<WebSquare, Error> {
    let square = Square::from_photo(&Photo::from_rgba(&rgba, width, height)?)?;
    Ok(WebSquare { square })
}

/// Takes back what `Square.rgba()` gave.
///
/// # Errors
/// `pixel-count`.
#[wasm_bindgen(js_name = squareFromRgba)]
pub fn square_from_rgba(rgba: Clamped<Vec<u8>>) -> Result<WebSquare, Error> {
    Ok(WebSquare {
        square: Square::from_rgba(&rgba)?,
    })
}
