//! A small static server on 127.0.0.1, for `cargo xtask serve` and for browser tests.
//!
//! It serves files with their right MIME types, `Cache-Control: no-cache` and an ETag, so that an edit shows on reload and
//! an unchanged file costs one 304. It never leaves its folders, follows no link out of them, and shows no dotfile.
//! Tests can [mount](Server::mount) another folder over a path, make a path [misbehave](Server::fault), take the whole
//! server [offline](Server::set_offline), and read [what was asked for](Server::requests).
//!
//! One thread per connection; connections are kept alive. `http.rs` has the bytes, `files.rs` the way from a path to a file.

mod files;
mod http;

use crate::policy;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::io::Write;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use files::Found;
use http::{Request, Response};

/// What a path can be told to do wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and a short text.
    Status(u16),
    /// Sends only so many bytes, and says so: a shorter file.
    Truncate(usize),
    /// Announces the whole file, sends so many bytes and cuts the connection.
    Cut(usize),
    /// Sends these bytes in the file's place.
    Replace(Vec<u8>),
    /// Waits before it answers.
    Delay(Duration),
}

/// How a [`Server`] is set up; see [`Server::builder`].
#[derive(Debug)]
pub struct Builder {
    root: PathBuf,
    port: u16,
    base: String,
    hidden: Vec<String>,
    headers: Vec<(String, String)>,
}

impl Builder {
    /// Listens on this port; 0, the default, takes a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Serves below a sub-path such as `/glimpse`, as a project page on a static host is served.
    #[must_use]
    pub fn base(mut self, base: &str) -> Self {
        self.base = base.trim_end_matches('/').to_owned();
        self
    }

    /// Answers 404 for a path such as `/target` and all below it.
    #[must_use]
    pub fn hide(mut self, path: &str) -> Self {
        self.hidden.push(path.trim_end_matches('/').to_owned());
        self
    }

    /// Sends a header with every response.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends the headers of [`policy`](crate::policy) with every response.
    #[must_use]
    pub fn guarded(self) -> Self {
        policy::HEADERS
            .iter()
            .fold(self, |builder, (name, value)| builder.header(name, value))
    }

    /// Starts to listen.
    pub fn start(self) -> Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .with_context(|| format!("cannot listen on port {} of 127.0.0.1", self.port))?;
        let port = listener.local_addr()?.port();
        let base = self.base.clone();
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                mounts: vec![(String::new(), self.root)],
                faults: HashMap::new(),
                requests: Vec::new(),
                connections: HashMap::new(),
            }),
            base: self.base,
            hidden: self.hidden,
            headers: self.headers,
            stopped: AtomicBool::new(false),
            offline: AtomicBool::new(false),
            next_connection: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        let thread = std::thread::spawn(move || accept(&listener, &accepting));
        Ok(Server {
            shared,
            port,
            base,
            thread: Some(thread),
        })
    }
}

/// A running server. It stops, and closes every connection, when dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    port: u16,
    base: String,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Prepares to serve a folder.
    #[must_use]
    pub fn builder(root: impl Into<PathBuf>) -> Builder {
        Builder {
            root: root.into(),
            port: 0,
            base: String::new(),
            hidden: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Serves a folder on a free port.
    pub fn start(root: impl Into<PathBuf>) -> Result<Server> {
        Server::builder(root).start()
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of a path such as `/index.html?backend=cpu`, below the sub-path where there is one.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{}/{}", self.origin(), self.base, path.trim_start_matches('/'))
    }

    /// Serves `dir` at a path such as `/weights`, in place of what the root has there. The latest mount wins.
    pub fn mount(&self, path: &str, dir: impl Into<PathBuf>) {
        self.shared
            .lock()
            .mounts
            .push((path.trim_end_matches('/').to_owned(), dir.into()));
    }

    /// Makes a path (without query) misbehave until [`Server::clear_faults`]. One fault a path: the latest.
    pub fn fault(&self, path: &str, fault: Fault) {
        self.shared.lock().faults.insert(path.to_owned(), fault);
    }

    /// All paths behave again.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Cuts every connection and answers nobody until set back: what a page sees when the network is gone.
    pub fn set_offline(&self, offline: bool) {
        self.shared.offline.store(offline, Ordering::SeqCst);
        if offline {
            self.shared.close_connections();
        }
    }

    /// The paths, with their queries, that were asked for so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// Blocks for as long as the server runs.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.shared.close_connections();
    }
}

/// What all threads share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    base: String,
    hidden: Vec<String>,
    headers: Vec<(String, String)>,
    stopped: AtomicBool,
    offline: AtomicBool,
    next_connection: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// Path prefix and folder; the root's prefix is empty. Searched from the end.
    mounts: Vec<(String, PathBuf)>,
    faults: HashMap<String, Fault>,
    requests: Vec<String>,
    connections: HashMap<u64, TcpStream>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.stopped.load(Ordering::SeqCst) || self.offline.load(Ordering::SeqCst)
    }

    fn close_connections(&self) {
        for (_, stream) in self.lock().connections.drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if shared.is_closed() {
            continue;
        }
        let id = shared.next_connection.fetch_add(1, Ordering::SeqCst);
        if let Ok(clone) = stream.try_clone() {
            shared.lock().connections.insert(id, clone);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that goes away in the middle is no error of ours.
            let _ = converse(stream, &shared);
            shared.lock().connections.remove(&id);
        });
    }
}

/// Answers a connection's requests until either side closes it.
fn converse(mut stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    while let Some(request) = http::read_request(&mut stream, &mut pending)? {
        if shared.is_closed() {
            return Ok(());
        }
        let fault = {
            let mut state = shared.lock();
            state.requests.push(request.target.clone());
            state.faults.get(&request.path).cloned()
        };
        let mut response = respond(&request, shared);
        response.headers.extend(shared.headers.iter().cloned());
        let keep = match fault {
            Some(fault) => misbehave(fault, response, &mut stream, &request, shared)?,
            None => {
                response.send(&mut stream, &request)?;
                true
            }
        };
        if !keep || request.close {
            stream.flush()?;
            let _ = stream.shutdown(Shutdown::Both);
            return Ok(());
        }
    }
    Ok(())
}

/// The right answer to a request.
fn respond(request: &Request, shared: &Shared) -> Response {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Response::text(405, "only GET and HEAD are answered here");
    }
    let Some(path) = below_base(&request.path, &shared.base) else {
        return Response::text(404, "not found");
    };
    let mounts = shared.lock().mounts.clone();
    match files::find(path, &shared.hidden, &mounts) {
        Found::Nothing => Response::text(404, "not found"),
        Found::Folder => Response::redirect(&format!("{}/", request.path)),
        Found::File(file) => serve_file(&file, request),
    }
}

fn serve_file(file: &Path, request: &Request) -> Response {
    match files::read(file) {
        Ok((_, tag)) if request.if_none_match.as_deref() == Some(tag.as_str()) => Response::not_modified(&tag),
        Ok((body, tag)) => Response::file(body, files::mime(file), &tag),
        Err(_) => Response::text(404, "not found"),
    }
}

/// The path below the sub-path; `None` outside of it.
fn below_base<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    if base.is_empty() {
        return Some(path);
    }
    path.strip_prefix(base).filter(|rest| rest.starts_with('/'))
}

/// Answers wrongly. Returns whether the connection stays open.
fn misbehave(
    fault: Fault,
    mut response: Response,
    stream: &mut TcpStream,
    request: &Request,
    shared: &Shared,
) -> Result<bool> {
    match fault {
        Fault::Status(status) => {
            let mut refusal = Response::text(status, "as the test wants it");
            refusal.headers.extend(shared.headers.iter().cloned());
            refusal.send(stream, request)?;
        }
        Fault::Truncate(length) => {
            response.body.truncate(length);
            response.send(stream, request)?;
        }
        Fault::Cut(length) => {
            response.send_part(stream, length)?;
            return Ok(false);
        }
        Fault::Replace(body) => {
            response.body = body;
            response.send(stream, request)?;
        }
        Fault::Delay(delay) => {
            let until = Instant::now() + delay;
            while Instant::now() < until && !shared.is_closed() {
                std::thread::sleep(Duration::from_millis(20));
            }
            response.send(stream, request)?;
        }
    }
    Ok(true)
}
