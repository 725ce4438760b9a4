//! QR codes for the page.

use wasm_bindgen::prelude::*;

use super::session::to_js;
use crate::qr::Qr;

/// The QR code of an address as `{size, path}`, to be drawn as an SVG; `null` where the address is too long for one.
///
/// # Errors
/// None in practice.
#[wasm_bindgen(js_name = qrCode)]
pub fn qr_code(address: &str) -> Result<JsValue, JsValue> {
    Qr::new(address).map_or(Ok(JsValue::NULL), |qr| to_js(&qr))
}
