//! The websocket: commands out, answers and events in, and what the events say about each page. It knows sessions, not
//! what is done with them.

use super::message::{Level, Message};
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message as Frame, WebSocket};

/// How long one write may block: the browser reads at all times.
const WRITE: Duration = Duration::from_secs(30);

/// The shortest wait for data; a socket's time limit must not be zero.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is recorded of one page and its workers.
#[derive(Debug, Default)]
pub(super) struct PageRecord {
    pub messages: Vec<Message>,
    pub requests: Vec<String>,
    pub workers: Vec<WorkerRecord>,
    /// Frame and loader of each load event since the last navigation.
    pub loads: Vec<(String, String)>,
    /// The stream of the last trace that is complete.
    pub trace: Option<String>,
    /// Whether workers wait at their start until they are observed.
    pub hold_workers: bool,
}

/// A living worker.
#[derive(Debug)]
pub(super) struct WorkerRecord {
    pub session: String,
    pub url: String,
    pub kind: String,
}

/// The commands that make a page or worker report what this module records.
pub(super) fn observers(hold_workers: bool) -> [(&'static str, Value); 4] {
    [
        ("Runtime.enable", json!({})),
        ("Log.enable", json!({})),
        ("Network.enable", json!({})),
        auto_attach(hold_workers),
    ]
}

/// The command that attaches to the workers of a page or worker, and has them wait for it or not.
pub(super) fn auto_attach(hold_workers: bool) -> (&'static str, Value) {
    (
        "Target.setAutoAttach",
        json!({"autoAttach": true, "waitForDebuggerOnStart": hold_workers, "flatten": true}),
    )
}

/// The connection to one browser.
#[derive(Debug)]
pub(super) struct Connection {
    socket: WebSocket<TcpStream>,
    last_id: u64,
    replies: HashMap<u64, Value>,
    /// Commands whose answers nobody waits for.
    unawaited: HashSet<u64>,
    /// By the page's session.
    pages: HashMap<String, PageRecord>,
    /// From each session, the page's and its workers', to the page's and a name for the source.
    owners: HashMap<String, (String, String)>,
}

impl Connection {
    pub fn open(address: &str) -> Result<Self> {
        let uri: tungstenite::http::Uri = address.parse().with_context(|| format!("{address} is no address"))?;
        let host = uri.authority().context("the browser's address has no host")?.as_str();
        let stream = TcpStream::connect(host).with_context(|| format!("cannot connect to the browser at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE))?;
        stream.set_read_timeout(Some(WRITE))?;
        // Answers arrive as single frames, of any size.
        let config = WebSocketConfig::default().max_frame_size(None).max_message_size(None);
        let (socket, _) = tungstenite::client::client_with_config(address, stream, Some(config))
            .map_err(|error| anyhow!("the browser does not answer as expected at {address}: {error}"))?;
        Ok(Connection {
            socket,
            last_id: 0,
            replies: HashMap::new(),
            unawaited: HashSet::new(),
            pages: HashMap::new(),
            owners: HashMap::new(),
        })
    }

    /// Begins to record for the page of a session.
    pub fn add_page(&mut self, session: &str) {
        self.pages.insert(session.to_owned(), PageRecord::default());
        self.owners
            .insert(session.to_owned(), (session.to_owned(), "page".to_owned()));
    }

    /// The record of a page's session.
    pub fn page(&mut self, session: &str) -> &mut PageRecord {
        self.pages.entry(session.to_owned()).or_default()
    }

    /// Sends a command and waits for its answer.
    pub fn call(&mut self, session: Option<&str>, method: &str, params: Value, timeout: Duration) -> Result<Value> {
        let id = self.post(session, method, params)?;
        let until = Instant::now() + timeout;
        loop {
            if let Some(mut reply) = self.replies.remove(&id) {
                if let Some(error) = reply.get("error") {
                    bail!("{method}: {}", error["message"].as_str().unwrap_or("refused"));
                }
                return Ok(reply["result"].take());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.unawaited.insert(id);
                bail!(
                    "{method}: no answer from the browser within {} s",
                    timeout.as_secs_f32()
                );
            }
            self.pump(left).with_context(|| method.to_owned())?;
        }
    }

    /// Records all that arrives within a time.
    pub fn pump_for(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.pump(left)?;
        }
    }

    /// Records all that has arrived. A round trip to the browser first, so that nothing that it sent before is missed.
    pub fn drain(&mut self) -> Result<()> {
        self.call(None, "Browser.getVersion", json!({}), WRITE)?;
        while self.pump(SHORTEST)? {}
        Ok(())
    }

    fn post(&mut self, session: Option<&str>, method: &str, params: Value) -> Result<u64> {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": params});
        if let Some(session) = session {
            command["sessionId"] = json!(session);
        }
        self.socket
            .send(Frame::text(command.to_string()))
            .with_context(|| format!("{method}: the browser is gone"))?;
        Ok(self.last_id)
    }

    /// Reads one message, if one arrives in time. Returns whether one did.
    fn pump(&mut self, time: Duration) -> Result<bool> {
        self.socket.get_ref().set_read_timeout(Some(time.max(SHORTEST)))?;
        match self.socket.read() {
            Ok(Frame::Text(text)) => {
                self.take(serde_json::from_str(&text).context("the browser sent something else than JSON")?)?;
                Ok(true)
            }
            Ok(Frame::Close(_)) => bail!("the browser closed the connection"),
            Ok(_) => Ok(true),
            Err(tungstenite::Error::Io(error)) if is_timeout(&error) => Ok(false),
            Err(error) => Err(error).context("the browser is gone"),
        }
    }

    fn take(&mut self, mut message: Value) -> Result<()> {
        if let Some(id) = message["id"].as_u64() {
            if !self.unawaited.remove(&id) {
                self.replies.insert(id, message);
            }
            return Ok(());
        }
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let session = message["sessionId"].as_str().unwrap_or_default().to_owned();
        let params = message["params"].take();
        // Events of the browser itself and of pages of other connections concern nobody here.
        let Some((page, source)) = self.owners.get(&session).cloned() else {
            return Ok(());
        };
        self.record(&method, &params, &session, &page, &source)
    }

    fn record(&mut self, method: &str, params: &Value, session: &str, page: &str, source: &str) -> Result<()> {
        match method {
            "Runtime.consoleAPICalled" => self.add_message(page, Message::of_console(source, params)),
            "Runtime.exceptionThrown" => self.add_message(page, Message::of_exception(source, params)),
            "Log.entryAdded" => self.add_message(page, Message::of_log(source, params)),
            // A service worker is ended whenever it has nothing to do, which is reported in the same way.
            "Inspector.targetCrashed" if !source.starts_with("service_worker") => {
                self.add_message(
                    page,
                    Message::new(Level::Error, source, "the renderer crashed".to_owned()),
                );
            }
            "Network.requestWillBeSent" => {
                self.page(page)
                    .requests
                    .extend(params["request"]["url"].as_str().map(str::to_owned));
            }
            "Page.lifecycleEvent" if params["name"] == "load" => {
                let field = |name: &str| params[name].as_str().unwrap_or_default().to_owned();
                let load = (field("frameId"), field("loaderId"));
                self.page(page).loads.push(load);
            }
            "Tracing.tracingComplete" => self.page(page).trace = params["stream"].as_str().map(str::to_owned),
            "Page.javascriptDialogOpening" => {
                let said = params["message"].as_str().unwrap_or_default();
                self.add_message(
                    page,
                    Message::new(Level::Info, source, format!("dialog, accepted: {said}")),
                );
                self.post_unawaited(session, "Page.handleJavaScriptDialog", json!({"accept": true}))?;
            }
            "Target.attachedToTarget" => self.attached(params, page)?,
            "Target.detachedFromTarget" => {
                let gone = params["sessionId"].as_str().unwrap_or_default();
                self.page(page).workers.retain(|worker| worker.session != gone);
            }
            _ => {}
        }
        Ok(())
    }

    /// A worker (or a frame in a process of its own) has appeared: it is observed as its page is.
    fn attached(&mut self, params: &Value, page: &str) -> Result<()> {
        let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let session = field(&params["sessionId"]);
        let (kind, url) = (
            field(&params["targetInfo"]["type"]),
            field(&params["targetInfo"]["url"]),
        );
        self.owners
            .insert(session.clone(), (page.to_owned(), format!("{kind} {url}")));
        let hold = self.page(page).hold_workers;
        for (method, params) in observers(hold) {
            self.post_unawaited(&session, method, params)?;
        }
        if hold {
            self.post_unawaited(&session, "Runtime.runIfWaitingForDebugger", json!({}))?;
        }
        if kind.ends_with("worker") {
            self.page(page).workers.push(WorkerRecord { session, url, kind });
        }
        Ok(())
    }

    fn post_unawaited(&mut self, session: &str, method: &str, params: Value) -> Result<()> {
        let id = self.post(Some(session), method, params)?;
        self.unawaited.insert(id);
        Ok(())
    }

    fn add_message(&mut self, page: &str, message: Message) {
        self.page(page).messages.push(message);
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}
