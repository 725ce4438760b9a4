//! Pictures for the page: from photo bytes, from canvas pixels, and back to pixels to be shown and kept.

use wasm_bindgen::{Clamped, prelude::*};

use crate::{Error, Photo, Picture};

/// What is kept of a photo, and what every view of the network is cut from.
#[wasm_bindgen(js_name = Picture)]
pub struct WebPicture {
    pub(super) picture: Picture,
}

#[wasm_bindgen(js_class = Picture)]
impl WebPicture {
    /// The bytes of a PNG file, in which every pixel is kept.
    ///
    /// # Errors
    /// None in practice.
    pub fn png(&self) -> Result<Vec<u8>, Error> {
        self.picture.png()
    }

    /// RGBA pixels of the centre 224 × 224: torchvision's crop.
    ///
    /// # Errors
    /// None in practice.
    pub fn centre(&self) -> Result<Clamped<Vec<u8>>, Error> {
        Ok(Clamped(self.picture.centre()?.rgba()))
    }
}

/// Decodes a JPEG, PNG, WebP, GIF or BMP file and resizes it.
///
/// # Errors
/// Codes `photo-…`.
#[wasm_bindgen(js_name = pictureFromPhoto)]
pub fn picture_from_photo(bytes: &[u8]) -> Result<WebPicture, Error> {
    let picture = Picture::from_photo(&Photo::decode(bytes)?)?;
    Ok(WebPicture { picture })
}

/// Resizes upright RGBA pixels of any size; `mirror` exchanges left and right.
///
/// # Errors
/// `pixel-count`, `photo-too-large`.
#[wasm_bindgen(js_name = pictureFromPixels)]
pub fn picture_from_pixels(rgba: Clamped<Vec<u8>>, width: u32, height: u32, mirror: bool) -> Result<WebPicture, Error> {
    let picture = Picture::from_photo(&Photo::from_rgba(&rgba, width, height)?)?;
    let picture = if mirror { picture.mirrored() } else { picture };
    Ok(WebPicture { picture })
}

/// Takes back what `Picture.png()` gave.
///
/// # Errors
/// Codes `photo-…`, `picture-size`.
#[wasm_bindgen(js_name = pictureFromPng)]
pub fn picture_from_png(png: &[u8]) -> Result<WebPicture, Error> {
    let picture = Picture::from_png(png)?;
    Ok(WebPicture { picture })
}
