//! The bytes of HTTP/1.1, as much of it as a static server needs: request heads in, responses out. No files, no paths.

use anyhow::{Result, bail};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A request head longer than this is refused.
const LONGEST_HEAD: usize = 64 * 1024;

/// The head of a request. Bodies are not read: nothing here accepts one.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub method: String,
    /// The path and the query, as sent.
    pub target: String,
    /// The path without the query, as sent.
    pub path: String,
    pub if_none_match: Option<String>,
    /// The client wants the connection closed after the answer.
    pub close: bool,
}

/// Reads the next request of a connection; `None` when the client has closed it. `pending` keeps what was read too far.
pub(super) fn read_request(stream: &mut TcpStream, pending: &mut Vec<u8>) -> Result<Option<Request>> {
    loop {
        if let Some((request, length)) = parse(pending)? {
            pending.drain(..length);
            return Ok(Some(request));
        }
        if pending.len() > LONGEST_HEAD {
            bail!("a request head of more than {LONGEST_HEAD} bytes");
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            count => pending.extend_from_slice(&buffer[..count]),
        }
    }
}

/// A request and its length in bytes, once `bytes` holds a whole head.
fn parse(bytes: &[u8]) -> Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(bytes)? else {
        return Ok(None);
    };
    let target = head.path.unwrap_or("/").to_owned();
    let mut request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        path: target.split(['?', '#']).next().unwrap_or_default().to_owned(),
        target,
        ..Request::default()
    };
    for header in head.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        match header.name.to_ascii_lowercase().as_str() {
            "if-none-match" => request.if_none_match = Some(value),
            "connection" => request.close = value.eq_ignore_ascii_case("close"),
            // A body would be taken for the next request.
            "content-length" if value != "0" => request.close = true,
            "transfer-encoding" => request.close = true,
            _ => {}
        }
    }
    Ok(Some((request, length)))
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(status: u16, text: &str) -> Self {
        Response::new(
            status,
            &[("Content-Type", "text/plain; charset=utf-8")],
            format!("{status}: {text}\n").into(),
        )
    }

    pub fn redirect(to: &str) -> Self {
        Response::new(301, &[("Location", to)], Vec::new())
    }

    pub fn not_modified(tag: &str) -> Self {
        Response::new(304, &[("ETag", tag)], Vec::new())
    }

    pub fn file(body: Vec<u8>, mime: &str, tag: &str) -> Self {
        Response::new(200, &[("Content-Type", mime), ("ETag", tag)], body)
    }

    fn new(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let headers = headers
            .iter()
            .chain(&[("Cache-Control", "no-cache")])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Response {
            status,
            headers: headers.collect(),
            body,
        }
    }

    /// Sends the answer; without its body to HEAD.
    pub fn send(&self, stream: &mut TcpStream, request: &Request) -> Result<()> {
        let length = if request.method == "HEAD" { 0 } else { self.body.len() };
        self.send_part(stream, length)
    }

    /// Announces the whole body but sends only its first `length` bytes.
    pub fn send_part(&self, stream: &mut TcpStream, length: usize) -> Result<()> {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body[..length.min(self.body.len())])?;
        stream.flush()?;
        Ok(())
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        304 => "Not Modified",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Error",
    }
}
