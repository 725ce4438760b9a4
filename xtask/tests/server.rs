//! The static server over real connections: types, caching, refusals, faults.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use xtask::policy;
use xtask::server::{Fault, Server};

/// A folder with a page, a module and something to hide.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("www")).unwrap();
    fs::create_dir_all(dir.path().join("target")).unwrap();
    fs::write(dir.path().join("index.html"), "<!doctype html><title>x</title>").unwrap();
    fs::write(dir.path().join("www/app.js"), "export const a = 1;").unwrap();
    fs::write(dir.path().join("www/module.wasm"), b"\0asm").unwrap();
    fs::write(dir.path().join("site.webmanifest"), "{}").unwrap();
    fs::write(dir.path().join("target/built"), "x").unwrap();
    fs::write(dir.path().join(".secret"), "x").unwrap();
    dir
}

/// Sends raw request lines on one connection and returns everything until the server closes it.
fn talk(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(server: &Server, path: &str) -> String {
    talk(
        server,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    answer
        .lines()
        .find_map(|line| line.strip_prefix(&start))
        .unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn files_have_their_types() {
    let dir = folder();
    let server = Server::start(dir.path()).unwrap();
    for (path, mime) in [
        ("/", "text/html; charset=utf-8"),
        ("/www/app.js?v=1", "text/javascript; charset=utf-8"),
        ("/www/module.wasm", "application/wasm"),
        ("/site.webmanifest", "application/manifest+json"),
    ] {
        let answer = get(&server, path);
        assert_eq!(status(&answer), "200", "{path}");
        assert_eq!(header(&answer, "Content-Type"), mime, "{path}");
        assert_eq!(header(&answer, "Cache-Control"), "no-cache", "{path}");
    }
    assert_eq!(server.requests()[1], "/www/app.js?v=1");
}

#[test]
fn unchanged_files_are_not_sent_again() {
    let dir = folder();
    let server = Server::start(dir.path()).unwrap();
    let tag = header(&get(&server, "/www/app.js"), "ETag").to_owned();
    let again = format!("GET /www/app.js HTTP/1.1\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&talk(&server, &again)), "304");
    fs::write(dir.path().join("www/app.js"), "export const a = 22;").unwrap();
    let changed = talk(&server, &again);
    assert_eq!((status(&changed), body(&changed)), ("200", "export const a = 22;"));
}

#[test]
fn what_is_outside_hidden_or_not_there_is_refused() {
    let dir = folder();
    let server = Server::builder(dir.path()).hide("/target").start().unwrap();
    for path in [
        "/../x",
        "/%2e%2e/etc/passwd",
        "/.secret",
        "/target/built",
        "//target/built",
        "/none",
        "/www/",
        "*",
    ] {
        assert_eq!(status(&get(&server, path)), "404", "{path}");
    }
    assert_eq!(
        status(&talk(&server, "POST / HTTP/1.1\r\nConnection: close\r\n\r\n")),
        "405"
    );
}

#[test]
fn head_has_no_body_and_connections_are_kept() {
    let dir = folder();
    let server = Server::start(dir.path()).unwrap();
    let two = "HEAD /www/app.js HTTP/1.1\r\n\r\nGET /www/module.wasm HTTP/1.1\r\nConnection: close\r\n\r\n";
    let answer = talk(&server, two);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(!answer.contains("export const"));
    assert!(answer.ends_with("\0asm"));
}

#[test]
fn folders_without_a_slash_redirect_below_a_sub_path() {
    let dir = folder();
    fs::write(dir.path().join("www/index.html"), "inner").unwrap();
    let server = Server::builder(dir.path()).base("/glimpse/").start().unwrap();
    assert_eq!(
        server.url("/a"),
        format!("http://127.0.0.1:{}/glimpse/a", server.port())
    );
    assert_eq!(status(&get(&server, "/index.html")), "404");
    assert_eq!(status(&get(&server, "/glimpse/index.html")), "200");
    let folder = get(&server, "/glimpse/www");
    assert_eq!((status(&folder), header(&folder, "Location")), ("301", "/glimpse/www/"));
}

#[test]
fn mounts_cover_the_root() {
    let (dir, other) = (folder(), folder());
    fs::write(other.path().join("app.js"), "other").unwrap();
    let server = Server::start(dir.path()).unwrap();
    server.mount("/www", other.path());
    assert_eq!(body(&get(&server, "/www/app.js")), "other");
    assert_eq!(status(&get(&server, "/www/module.wasm")), "404");
}

#[test]
fn extra_headers_are_on_every_answer() {
    let dir = folder();
    let server = Server::builder(dir.path()).header("X-Test", "yes").start().unwrap();
    for path in ["/", "/none"] {
        assert_eq!(header(&get(&server, path), "X-Test"), "yes");
    }
}

#[test]
fn a_guarded_server_tells_what_the_page_may_do_with_every_answer() {
    let dir = folder();
    let server = Server::builder(dir.path()).guarded().start().unwrap();
    let tag = header(&get(&server, "/www/app.js"), "ETag").to_owned();
    server.fault("/www/module.wasm", Fault::Status(503));
    for (expected, request) in [
        ("200", "GET / HTTP/1.1\r\n".to_owned()),
        ("304", format!("GET /www/app.js HTTP/1.1\r\nIf-None-Match: {tag}\r\n")),
        ("404", "GET /none HTTP/1.1\r\n".to_owned()),
        ("405", "POST / HTTP/1.1\r\n".to_owned()),
        ("503", "GET /www/module.wasm HTTP/1.1\r\n".to_owned()),
    ] {
        let answer = talk(&server, &format!("{request}Connection: close\r\n\r\n"));
        assert_eq!(status(&answer), expected);
        for (name, value) in policy::HEADERS {
            assert_eq!(header(&answer, name), value, "{expected}");
        }
    }
}

#[test]
fn faults_are_as_ordered() {
    let dir = folder();
    let server = Server::start(dir.path()).unwrap();
    let path = "/www/app.js";
    server.fault(path, Fault::Status(503));
    assert_eq!(status(&get(&server, path)), "503");

    server.fault(path, Fault::Truncate(6));
    let short = get(&server, path);
    assert_eq!((header(&short, "Content-Length"), body(&short)), ("6", "export"));

    server.fault(path, Fault::Cut(6));
    let cut = get(&server, path);
    assert_eq!((header(&cut, "Content-Length"), body(&cut)), ("19", "export"));

    server.fault(path, Fault::Replace(b"other".to_vec()));
    assert_eq!(body(&get(&server, path)), "other");

    server.fault(path, Fault::Delay(Duration::from_millis(150)));
    let start = Instant::now();
    assert_eq!(status(&get(&server, path)), "200");
    assert!(start.elapsed() >= Duration::from_millis(150));

    server.clear_faults();
    assert_eq!(body(&get(&server, path)), "export const a = 1;");
}

#[test]
fn offline_answers_nobody() {
    let dir = folder();
    let server = Server::start(dir.path()).unwrap();
    server.set_offline(true);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty());
    server.set_offline(false);
    assert_eq!(status(&get(&server, "/")), "200");
}

#[test]
fn a_dropped_server_is_gone() {
    let dir = folder();
    let server = Server::start(dir.path()).unwrap();
    let port = server.port();
    let _kept = TcpStream::connect(("127.0.0.1", port)).unwrap();
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}
