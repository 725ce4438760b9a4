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
    /// Width in pixels.
    #[wasm_bindgen(getter)]
    pub fn width(&self) -> usize {
        self.picture.width()
    }

    /// Height in pixels.
    #[wasm_bindgen(getter)]
    pub fn height(&self) -> usize {
        self.picture.height()
    }

    /// RGBA pixels, opaque, for an `ImageData` of this width and height.
    pub fn rgba(&self) -> Clamped<Vec<u8>> {
        Clamped(self.picture.rgba())
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

/// Resizes upright RGBA pixels of any size.
///
/// # Errors
/// `pixel-count`, `photo-too-large`.
#[wasm_bindgen(js_name = pictureFromPixels)]
pub fn picture_from_pixels(rgba: Clamped<Vec<u8>>, width: u32, height: u32) -> Result<WebPicture, Error> {
    let picture = Picture::from_photo(&Photo::from_rgba(&rgba, width, height)?)?;
    Ok(WebPicture { picture })
}

/// Takes back what `Picture.rgba()` gave.
///
/// # Errors
/// `picture-size`, `pixel-count`.
#[wasm_bindgen(js_name = pictureFromRgba)]
pub fn picture_from_rgba(rgba: Clamped<Vec<u8>>, width: usize, height: usize) -> Result<WebPicture, Error> {
    let picture = Picture::from_rgba(&rgba, width, height)?;
    Ok(WebPicture { picture })
}
