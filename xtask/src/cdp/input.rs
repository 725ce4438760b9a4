//! What a person does to a page: clicks, keys, text, files. Real input events, not calls of the page's functions, so a
//! covered or missing control fails the test as it would fail the person.

use super::Page;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::Path;

/// Scrolls an element into view, checks that it is what lies at its own centre, and returns that point. While the page moves under
/// it, it is tried again for a second or two, as a person would.
const CENTRE: &str = r"
(async (selector) => {
  const element = document.querySelector(selector);
  if (!element) throw new Error(`no element matches ${selector}`);
  let reason = '';
  for (let attempt = 0; attempt < 20; attempt++) {
    element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const box = element.getBoundingClientRect();
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    const hit = document.elementFromPoint(x, y);
    const label = hit && hit.closest('label');
    const own = hit && (element.contains(hit) || hit.contains(element) || (label && label.control === element));
    if (own && box.width > 0 && box.height > 0) return [x, y];
    reason = box.width === 0 || box.height === 0 ? 'not shown' : `covered by ${hit ? hit.outerHTML.slice(0, 120) : 'nothing that takes clicks'}`;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`${selector} is ${reason}`);
})";

impl Page {
    /// Clicks at an element's centre.
    pub fn click(&self, selector: &str) -> Result<()> {
        self.mouse_down(selector)?;
        self.mouse_up()
    }

    /// Presses the mouse's button on an element and keeps it down.
    pub fn mouse_down(&self, selector: &str) -> Result<()> {
        self.hover(selector)?;
        self.mouse("mousePressed", "left")
    }

    /// Lets the mouse's button go, where the mouse is.
    pub fn mouse_up(&self) -> Result<()> {
        self.mouse("mouseReleased", "left")
    }

    /// Moves the mouse over an element.
    pub fn hover(&self, selector: &str) -> Result<()> {
        self.mouse_at.set(self.centre(selector)?);
        self.mouse("mouseMoved", "none")
    }

    /// Presses and releases a key, such as `Enter`, `a`, `Shift+Tab` or `Control+A`.
    pub fn press_key(&self, keys: &str) -> Result<()> {
        self.press(key_event(keys)?)
    }

    /// Pastes what is in the clipboard. A headless browser does not tie the command to its key by itself.
    pub fn paste(&self) -> Result<()> {
        let mut event = key_event("Control+V")?;
        event["commands"] = json!(["paste"]);
        self.press(event)
    }

    fn press(&self, event: Value) -> Result<()> {
        // `rawKeyDown` types nothing; `keyDown` types its text.
        let down = if event.get("text").is_some() {
            "keyDown"
        } else {
            "rawKeyDown"
        };
        for kind in [down, "keyUp"] {
            let mut event = event.clone();
            event["type"] = json!(kind);
            self.send("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Types text into the element that has the focus.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.send("Input.insertText", json!({"text": text})).map(|_| ())
    }

    /// Chooses files in a file input, as its picker would; none empties it.
    pub fn set_files<P: AsRef<Path>>(&self, selector: &str, files: &[P]) -> Result<()> {
        let files = absolute(files)?;
        let expression = format!("document.querySelector({})", json!(selector));
        let found = self.send("Runtime.evaluate", json!({"expression": expression}))?;
        let Some(object) = found["result"]["objectId"].as_str() else {
            bail!("no element matches {selector}");
        };
        self.send("DOM.setFileInputFiles", json!({"files": files, "objectId": object}))
            .map(|_| ())
    }

    /// Clicks on what opens a dialog for files. None is shown: what would be chosen in it is for [`Page::set_files`].
    pub fn open_file_dialog(&self, selector: &str) -> Result<()> {
        self.send("Page.setInterceptFileChooserDialog", json!({"enabled": true}))?;
        self.click(selector)
    }

    /// Drags files from outside the browser onto an element, and holds them there.
    pub fn drag_files<P: AsRef<Path>>(&self, selector: &str, files: &[P]) -> Result<()> {
        self.drag(&["dragEnter", "dragOver"], selector, files)
    }

    /// Drags files from outside the browser onto an element and drops them.
    pub fn drop_files<P: AsRef<Path>>(&self, selector: &str, files: &[P]) -> Result<()> {
        self.drag(&["dragEnter", "dragOver", "drop"], selector, files)
    }

    fn drag<P: AsRef<Path>>(&self, kinds: &[&str], selector: &str, files: &[P]) -> Result<()> {
        let (x, y) = self.centre(selector)?;
        let data = json!({"items": [], "files": absolute(files)?, "dragOperationsMask": 1});
        for kind in kinds {
            self.send(
                "Input.dispatchDragEvent",
                json!({"type": kind, "x": x, "y": y, "data": data}),
            )?;
        }
        Ok(())
    }

    fn centre(&self, selector: &str) -> Result<(f64, f64)> {
        self.eval(&format!("{CENTRE}({})", json!(selector)))
    }

    /// A mouse event where the mouse is.
    fn mouse(&self, kind: &str, button: &str) -> Result<()> {
        let (x, y) = self.mouse_at.get();
        let pressed = u8::from(kind == "mousePressed");
        let event = json!({"type": kind, "x": x, "y": y, "button": button, "buttons": pressed, "clickCount": 1});
        self.send("Input.dispatchMouseEvent", event).map(|_| ())
    }
}

/// Paths as the browser, which has another working folder, understands them.
fn absolute<P: AsRef<Path>>(files: &[P]) -> Result<Vec<String>> {
    let absolute = |file: &P| {
        let file = file.as_ref();
        let path = file
            .canonicalize()
            .with_context(|| format!("there is no {}", file.display()))?;
        Ok(path.to_string_lossy().into_owned())
    };
    files.iter().map(absolute).collect()
}

/// The protocol's description of a key with modifiers.
fn key_event(keys: &str) -> Result<Value> {
    let (modifiers, key) = match keys.rsplit_once('+') {
        Some((modifiers, key)) if !key.is_empty() => (modifiers, key),
        _ => ("", keys),
    };
    let mut mask = 0;
    for modifier in modifiers.split('+').filter(|modifier| !modifier.is_empty()) {
        mask |= match modifier {
            "Alt" => 1,
            "Control" => 2,
            "Meta" => 4,
            "Shift" => 8,
            _ => bail!("{modifier} in {keys} is no modifier: use Alt, Control, Meta, Shift"),
        };
    }
    let (code, number, text) = key_code(key).with_context(|| format!("{keys} is no key that the tests know"))?;
    let mut event = json!({"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": mask});
    if key == "Space" {
        event["key"] = json!(" ");
    }
    // With Alt, Control or Meta a key is a command and types nothing.
    if let Some(text) = text.filter(|_| mask & 7 == 0) {
        event["text"] = json!(text);
    }
    Ok(event)
}

/// A key's code, its number and the text it types.
fn key_code(key: &str) -> Option<(String, u32, Option<String>)> {
    let (number, text) = match key {
        "Enter" => (13, Some("\r")),
        "Space" => (32, Some(" ")),
        "Tab" => (9, None),
        "Escape" => (27, None),
        "Backspace" => (8, None),
        "Delete" => (46, None),
        "Home" => (36, None),
        "End" => (35, None),
        "PageUp" => (33, None),
        "PageDown" => (34, None),
        "ArrowLeft" => (37, None),
        "ArrowUp" => (38, None),
        "ArrowRight" => (39, None),
        "ArrowDown" => (40, None),
        _ => return letter_code(key),
    };
    Some((key.to_owned(), number, text.map(str::to_owned)))
}

fn letter_code(key: &str) -> Option<(String, u32, Option<String>)> {
    let mut characters = key.chars();
    let character = characters.next().filter(|_| characters.next().is_none())?;
    let upper = character.to_ascii_uppercase();
    let code = match upper {
        'A'..='Z' => format!("Key{upper}"),
        '0'..='9' => format!("Digit{upper}"),
        _ => String::new(),
    };
    let number = if code.is_empty() { 0 } else { u32::from(upper) };
    Some((code, number, Some(key.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::key_event;

    #[test]
    fn keys_are_described() {
        let enter = key_event("Enter").unwrap();
        assert_eq!(
            (enter["windowsVirtualKeyCode"].as_u64(), enter["text"].as_str()),
            (Some(13), Some("\r"))
        );
        let paste = key_event("Control+V").unwrap();
        assert_eq!(
            (paste["code"].as_str(), paste["modifiers"].as_u64()),
            (Some("KeyV"), Some(2))
        );
        assert!(paste.get("text").is_none());
        let back = key_event("Shift+Tab").unwrap();
        assert_eq!(
            (back["key"].as_str(), back["modifiers"].as_u64()),
            (Some("Tab"), Some(8))
        );
        assert_eq!(key_event("+").unwrap()["text"], "+");
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(key_event("Hyper+A").is_err());
        assert!(key_event("Entr").is_err());
    }
}
