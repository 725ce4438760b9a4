//! Core errors as JavaScript `Error`s with `name` "GlimpseError" and a stable `code`.

use js_sys::Reflect;
use wasm_bindgen::JsValue;

use crate::Error;

impl From<Error> for JsValue {
    fn from(error: Error) -> Self {
        let exception = js_sys::Error::new(&error.to_string());
        exception.set_name("GlimpseError");
        // Setting a property of an object that was just made cannot fail.
        let _ = Reflect::set(&exception, &"code".into(), &error.code().into());
        exception.into()
    }
}

/// The same for values that do not cross the bridge, such as options with an unknown field.
pub fn bad_value(error: serde_wasm_bindgen::Error) -> JsValue {
    let expected = "the documented fields and types";
    Error::Option {
        name: "options",
        expected,
        got: error.to_string(),
    }
    .into()
}
