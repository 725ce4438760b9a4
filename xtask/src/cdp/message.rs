//! What pages and workers say: console calls, uncaught exceptions and the browser's own log, in one form. No protocol
//! traffic here, only the reading of its events.

use serde_json::Value;
use std::fmt;

/// How bad a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Everything that is neither of the others.
    Info,
    /// `console.warn`, and the browser's warnings.
    Warning,
    /// `console.error`, failed assertions, uncaught exceptions, failed requests.
    Error,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How bad it is.
    pub level: Level,
    /// Who said it: `page`, or the kind and address of a worker. What a worker says at its very start the browser may
    /// report as the page's; `location` then still names the worker's script.
    pub source: String,
    /// The text; of an exception, with its stack.
    pub text: String,
    /// The address it is about: a script and its line, or the request that failed. Often empty.
    pub location: String,
}

impl Message {
    pub(super) fn new(level: Level, source: &str, text: String) -> Self {
        Message {
            level,
            source: source.to_owned(),
            text,
            location: String::new(),
        }
    }

    pub(super) fn of_console(source: &str, params: &Value) -> Self {
        let level = match params["type"].as_str() {
            Some("error" | "assert") => Level::Error,
            Some("warning") => Level::Warning,
            _ => Level::Info,
        };
        let arguments = params["args"].as_array().map(Vec::as_slice).unwrap_or_default();
        let text = arguments.iter().map(object_text).collect::<Vec<_>>().join(" ");
        let location = place(&params["stackTrace"]["callFrames"][0]);
        Message {
            location,
            ..Message::new(level, source, text)
        }
    }

    pub(super) fn of_exception(source: &str, params: &Value) -> Self {
        let details = &params["exceptionDetails"];
        Message {
            location: place(details),
            ..Message::new(Level::Error, source, exception_text(details))
        }
    }

    pub(super) fn of_log(source: &str, params: &Value) -> Self {
        let entry = &params["entry"];
        let level = match entry["level"].as_str() {
            Some("error") => Level::Error,
            Some("warning") => Level::Warning,
            _ => Level::Info,
        };
        let text = entry["text"].as_str().unwrap_or_default().to_owned();
        Message {
            location: place(entry),
            ..Message::new(level, source, text)
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        write!(f, "{level} from {}: {}", self.source, self.text)?;
        if self.location.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.location)
        }
    }
}

/// What was thrown: an Error's stack, another value's text.
pub(super) fn exception_text(details: &Value) -> String {
    match details.get("exception") {
        Some(exception) => object_text(exception),
        None => details["text"].as_str().unwrap_or("an exception").to_owned(),
    }
}

/// A remote object as the console would print it.
fn object_text(object: &Value) -> String {
    match &object["value"] {
        Value::String(text) => text.clone(),
        Value::Null => {
            let described = object["description"]
                .as_str()
                .or(object["unserializableValue"].as_str());
            described
                .or(object["subtype"].as_str())
                .or(object["type"].as_str())
                .unwrap_or_default()
                .to_owned()
        }
        value => value.to_string(),
    }
}

fn place(at: &Value) -> String {
    match (at["url"].as_str(), at["lineNumber"].as_u64()) {
        (Some(url), Some(line)) if !url.is_empty() => format!("{url}:{}", line + 1),
        (Some(url), None) => url.to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn console_arguments_are_joined() {
        let params = json!({"type": "error", "args": [
            {"type": "string", "value": "bytes:"},
            {"type": "number", "value": 7},
            {"type": "object", "subtype": "null", "value": null},
            {"type": "undefined"},
            {"type": "object", "description": "Error: no\n    at x"},
        ]});
        let message = Message::of_console("page", &params);
        assert_eq!(message.level, Level::Error);
        assert_eq!(message.text, "bytes: 7 null undefined Error: no\n    at x");
    }

    #[test]
    fn lines_count_from_one() {
        let entry = json!({"entry": {"level": "warning", "text": "slow", "url": "http://x/a.js", "lineNumber": 4}});
        let message = Message::of_log("page", &entry);
        assert_eq!(message.to_string(), "warning from page: slow (http://x/a.js:5)");
    }
}
