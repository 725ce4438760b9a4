//! A small synchronous client of the Chrome DevTools Protocol.
//!
//! **The protocol.** The browser listens on a websocket. A command is a JSON object `{id, method, params}`; its answer
//! carries the same `id` and either `result` or `error`. Everything else that arrives is an event, `{method, params}`.
//! A *target* is something that can be attached to: a page, a worker. Attaching makes a *session*; in "flat" mode all
//! sessions share the one websocket, and commands, answers and events of a target carry its `sessionId`.
//!
//! **Here.** [`Browser`] is the connection. [`Page`] is a tab, by default in a context of its own (own storage, own
//! permissions), that is closed when dropped. Each page and worker attaches to the workers that it starts
//! (`Target.setAutoAttach`), so [`Page::workers`] are there to evaluate in, and what they write to their consoles, what
//! they throw and what they ask the network for is recorded with the page: [`Page::problems`], [`Page::requests`].
//!
//! There is no thread. Every method sends a command and reads from the socket, recording events on the way, until the
//! answer is there; each has a time limit, so nothing hangs. In between, the browser keeps what it has to say.

mod connection;
mod input;
mod message;
mod trace;

pub use message::{Level, Message};

use anyhow::{Context, Result, anyhow, bail, ensure};
use connection::Connection;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The time limit of a command, unless [`Page::set_timeout`] says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How often [`Page::wait_for`] looks.
const POLL: Duration = Duration::from_millis(40);

/// A connection to a running browser.
#[derive(Clone)]
pub struct Browser {
    connection: Rc<RefCell<Connection>>,
}

impl Browser {
    /// Connects to the address that the browser announced, such as `ws://127.0.0.1:9222/devtools/browser/…`.
    pub fn connect(address: &str) -> Result<Browser> {
        Ok(Browser {
            connection: Rc::new(RefCell::new(Connection::open(address)?)),
        })
    }

    /// A new tab in a fresh context: no storage, no cache, no permissions from anywhere else.
    pub fn new_page(&self) -> Result<Page> {
        let created = self.send("Target.createBrowserContext", json!({}))?;
        Page::open(self, Some(text(&created, "browserContextId")?))
    }

    /// A new tab in the profile itself, whose storage lasts as long as the profile.
    pub fn new_page_in_profile(&self) -> Result<Page> {
        Page::open(self, None)
    }

    /// Asks the browser to end.
    pub fn close(&self) -> Result<()> {
        self.send("Browser.close", json!({})).map(|_| ())
    }

    /// Sends any command that concerns no page.
    pub fn send(&self, method: &str, params: Value) -> Result<Value> {
        self.connection.borrow_mut().call(None, method, params, TIMEOUT)
    }
}

/// Whether a page may do something; see [`Page::set_permission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Without asking.
    Granted,
    /// Refused without asking.
    Denied,
    /// The user is asked, who in a headless browser never answers.
    Prompt,
}

/// The network as [`Page::set_network`] lets the page see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Every request fails.
    pub offline: bool,
    /// Added to each request.
    pub latency: Duration,
    /// Bytes a second; `None` for no limit.
    pub download: Option<u64>,
}

/// A tab.
pub struct Page {
    browser: Browser,
    context: Option<String>,
    target: String,
    session: String,
    timeout: Duration,
    mouse_at: Cell<(f64, f64)>,
}

impl Page {
    fn open(browser: &Browser, context: Option<String>) -> Result<Page> {
        let mut params = json!({"url": "about:blank"});
        if let Some(context) = &context {
            params["browserContextId"] = json!(context);
        }
        let target = text(&browser.send("Target.createTarget", params)?, "targetId")?;
        let attached = browser.send("Target.attachToTarget", json!({"targetId": target, "flatten": true}))?;
        let session = text(&attached, "sessionId")?;
        browser.connection.borrow_mut().add_page(&session);
        let page = Page {
            browser: browser.clone(),
            context,
            target,
            session,
            timeout: TIMEOUT,
            mouse_at: Cell::default(),
        };
        page.send("Page.enable", json!({}))?;
        page.send("Page.setLifecycleEventsEnabled", json!({"enabled": true}))?;
        for (method, params) in connection::observers(false) {
            page.send(method, params)?;
        }
        Ok(page)
    }

    /// Sets the time limit of the commands that follow.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Sends any command to this page.
    pub fn send(&self, method: &str, params: Value) -> Result<Value> {
        self.browser
            .connection
            .borrow_mut()
            .call(Some(&self.session), method, params, self.timeout)
    }

    /// Opens an address and waits for the page's load event.
    pub fn goto(&self, url: &str) -> Result<()> {
        self.forget_loads();
        let answer = self.send("Page.navigate", json!({"url": url}))?;
        if let Some(error) = answer["errorText"].as_str() {
            bail!("{url} cannot be opened: {error}");
        }
        match answer["loaderId"].as_str() {
            Some(loader) => self.wait_for_load(url, |loaded| loaded == loader),
            // Only the fragment has changed: nothing is loaded.
            None => Ok(()),
        }
    }

    /// Loads the page again and waits for its load event.
    pub fn reload(&self) -> Result<()> {
        self.forget_loads();
        self.send("Page.reload", json!({}))?;
        self.wait_for_load("the page", |_| true)
    }

    /// Runs a script in every page that is loaded from now on, before any of its own.
    pub fn run_first(&self, script: &str) -> Result<()> {
        self.send("Page.addScriptToEvaluateOnNewDocument", json!({"source": script}))
            .map(|_| ())
    }

    /// What a JavaScript expression evaluates to, after waiting for its promise if it is one. A thrown exception is an
    /// error with its text and stack. Statements need a function around them: `(() => { … })()`.
    pub fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        eval(&self.browser, &self.session, expression, self.timeout)
    }

    /// Waits until an expression is truthy. An expression that throws counts as false, so that it can speak of elements
    /// which are not there yet; the error then says what it threw, and what problems the page had.
    pub fn wait_for(&self, condition: &str, timeout: Duration) -> Result<()> {
        let until = Instant::now() + timeout;
        loop {
            let threw = match self.eval::<bool>(&format!("Promise.resolve({condition}).then(Boolean)")) {
                Ok(true) => return Ok(()),
                Ok(false) => String::new(),
                Err(error) => format!("\n  last it threw: {error}"),
            };
            if Instant::now() > until {
                let problems: String = self
                    .problems()?
                    .iter()
                    .map(|problem| format!("\n  {problem}"))
                    .collect();
                bail!(
                    "not true within {} s: {condition}{threw}{problems}",
                    timeout.as_secs_f32()
                );
            }
            self.browser.connection.borrow_mut().pump_for(POLL)?;
        }
    }

    /// The page's living workers, nested ones and service workers included. A worker is here as soon as it exists, which
    /// can be before its script has run.
    pub fn workers(&self) -> Result<Vec<Worker>> {
        let mut connection = self.browser.connection.borrow_mut();
        connection.drain()?;
        let workers = connection.page(&self.session).workers.iter();
        Ok(workers
            .map(|worker| Worker {
                browser: self.browser.clone(),
                session: worker.session.clone(),
                url: worker.url.clone(),
                kind: worker.kind.clone(),
                timeout: self.timeout,
            })
            .collect())
    }

    /// From now on workers wait at their start until they are observed, so that not even their first requests are missed.
    /// Their starts take longer for it.
    pub fn hold_workers(&self) -> Result<()> {
        self.browser.connection.borrow_mut().page(&self.session).hold_workers = true;
        let (method, params) = connection::auto_attach(true);
        self.send(method, params).map(|_| ())
    }

    /// Everything that the page and its workers wrote to their consoles or threw, and what the browser logged about them.
    pub fn messages(&self) -> Result<Vec<Message>> {
        let mut connection = self.browser.connection.borrow_mut();
        connection.drain()?;
        Ok(connection.page(&self.session).messages.clone())
    }

    /// The errors and warnings among the messages.
    pub fn problems(&self) -> Result<Vec<Message>> {
        let mut messages = self.messages()?;
        messages.retain(|message| message.level != Level::Info);
        Ok(messages)
    }

    /// Waits for a message with this text and forgets it: for tests that provoke an error on purpose. The browser may tell
    /// of it only after the page has gone on.
    pub fn forget_message(&self, text: &str) -> Result<()> {
        let end = Instant::now() + self.timeout;
        loop {
            let mut connection = self.browser.connection.borrow_mut();
            connection.drain()?;
            let messages = &mut connection.page(&self.session).messages;
            if let Some(index) = messages.iter().position(|message| message.to_string().contains(text)) {
                messages.remove(index);
                return Ok(());
            }
            ensure!(Instant::now() < end, "no message says {text}");
            connection.pump_for(POLL)?;
        }
    }

    /// The addresses that the page and its workers asked for so far.
    pub fn requests(&self) -> Result<Vec<String>> {
        let mut connection = self.browser.connection.borrow_mut();
        connection.drain()?;
        Ok(connection.page(&self.session).requests.clone())
    }

    /// Writes what the viewport shows as a PNG file.
    pub fn screenshot(&self, file: &Path) -> Result<()> {
        let answer = self.send("Page.captureScreenshot", json!({"format": "png"}))?;
        let png = data_encoding::BASE64.decode(text(&answer, "data")?.as_bytes())?;
        if let Some(dir) = file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(file, png).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Sets the viewport, in CSS pixels; `mobile` also brings touch events and the phone's viewport rules.
    pub fn set_viewport(&self, width: u32, height: u32, scale: f64, mobile: bool) -> Result<()> {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile});
        self.send("Emulation.setDeviceMetricsOverride", metrics)?;
        self.send("Emulation.setTouchEmulationEnabled", json!({"enabled": mobile}))?;
        Ok(())
    }

    /// Sets what the page sees as the user's colour scheme: `light` or `dark`.
    pub fn set_color_scheme(&self, scheme: &str) -> Result<()> {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.send("Emulation.setEmulatedMedia", json!({"features": features}))?;
        Ok(())
    }

    /// Sets the network for the page and its workers.
    pub fn set_network(&self, network: Network) -> Result<()> {
        let params = json!({
            "offline": network.offline,
            "latency": network.latency.as_millis(),
            "downloadThroughput": network.download.map_or(-1.0, |bytes| bytes as f64),
            "uploadThroughput": -1,
        });
        self.send("Network.emulateNetworkConditions", params).map(|_| ())
    }

    /// Decides what the pages of an origin may do in this context. Names are the Permissions API's: `camera`,
    /// `clipboard-read`, `persistent-storage` …
    pub fn set_permission(&self, origin: &str, name: &str, permission: Permission) -> Result<()> {
        let setting = match permission {
            Permission::Granted => "granted",
            Permission::Denied => "denied",
            Permission::Prompt => "prompt",
        };
        let mut params = json!({"permission": {"name": name}, "setting": setting, "origin": origin});
        if let Some(context) = &self.context {
            params["browserContextId"] = json!(context);
        }
        self.browser.send("Browser.setPermission", params)?;
        Ok(())
    }

    fn forget_loads(&self) {
        self.browser.connection.borrow_mut().page(&self.session).loads.clear();
    }

    /// Waits for a load event of the main frame from a loader that `is_it`.
    fn wait_for_load(&self, what: &str, is_it: impl Fn(&str) -> bool) -> Result<()> {
        let until = Instant::now() + self.timeout;
        let mut connection = self.browser.connection.borrow_mut();
        loop {
            let loads = &connection.page(&self.session).loads;
            if loads
                .iter()
                .any(|(frame, loader)| *frame == self.target && is_it(loader))
            {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{what} did not load within {} s", self.timeout.as_secs());
            }
            connection.pump_for(POLL)?;
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // The browser may be gone already.
        if let Ok(mut connection) = self.browser.connection.try_borrow_mut() {
            let (method, params) = match &self.context {
                Some(context) => ("Target.disposeBrowserContext", json!({"browserContextId": context})),
                None => ("Target.closeTarget", json!({"targetId": self.target})),
            };
            let _ = connection.call(None, method, params, Duration::from_secs(10));
        }
    }
}

/// A worker of a page.
pub struct Worker {
    browser: Browser,
    session: String,
    url: String,
    kind: String,
    timeout: Duration,
}

impl Worker {
    /// The address of its script.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `worker` or `service_worker`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// As [`Page::eval`], in the worker's global scope.
    pub fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        eval(&self.browser, &self.session, expression, self.timeout)
    }

    /// Sends any command to this worker.
    pub fn send(&self, method: &str, params: Value) -> Result<Value> {
        self.browser
            .connection
            .borrow_mut()
            .call(Some(&self.session), method, params, self.timeout)
    }
}

fn eval<T: DeserializeOwned>(browser: &Browser, session: &str, expression: &str, timeout: Duration) -> Result<T> {
    let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true});
    let answer = browser
        .connection
        .borrow_mut()
        .call(Some(session), "Runtime.evaluate", params, timeout)?;
    if let Some(details) = answer.get("exceptionDetails") {
        bail!("{} (in `{}`)", message::exception_text(details), shortened(expression));
    }
    let value = answer["result"]["value"].clone();
    serde_json::from_value(value.clone())
        .with_context(|| format!("`{}` is {value}, which is not what was expected", shortened(expression)))
}

/// A text field of an answer.
fn text(answer: &Value, field: &str) -> Result<String> {
    answer[field]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("the browser's answer has no {field}: {answer}"))
}

/// The beginning of an expression, for messages.
fn shortened(expression: &str) -> String {
    let short: String = expression.chars().take(200).collect();
    if short.len() < expression.len() {
        format!("{short} …")
    } else {
        short
    }
}
