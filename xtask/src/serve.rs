//! `cargo xtask serve`: everything the page needs, then the repository's root on localhost. Also used to look at a change:
//! the files are read anew at every request, only the module needs the command to be run again.

use crate::server::{Builder, Server};
use crate::wasm::{self, Profile};
use crate::weights::{self, Manifest};
use anyhow::Result;

/// The port without `--port`. It stays the same from run to run, since a browser keeps saved data by origin.
const USUAL_PORT: u16 = 8080;

/// Builds what is missing or has changed, serves, and does not return. The page is served as soon as the module is built that
/// nearly everybody loads; the others follow.
pub fn run(port: Option<u16>) -> Result<()> {
    wasm::LIGHT.package(Profile::Ci)?;
    let manifest = weights::prepare()?;
    let server = start(port)?;
    if !manifest.trained {
        println!("\n  The network is UNTRAINED ({}).", manifest.path.display());
        println!("  For trained weights: cargo glimpse weights --from FILE-OR-URL");
    }
    println!(
        "\n  Glimpse is ready:  http://localhost:{}/\n  Ctrl-C ends it.\n",
        server.port()
    );
    if let Err(error) = wasm::package(Profile::Ci) {
        eprintln!("\n  The page stays, without the module that was not built: {error:#}\n");
    }
    server.wait();
    Ok(())
}

/// Builds what the page needs, where it is missing or has changed.
pub fn prepare() -> Result<Manifest> {
    wasm::package(Profile::Ci)?;
    weights::prepare()
}

fn start(port: Option<u16>) -> Result<Server> {
    match port {
        Some(port) => builder().port(port).start(),
        None => builder().port(USUAL_PORT).start().or_else(|_| builder().start()),
    }
}

/// The repository's root, without what is built there.
pub fn builder() -> Builder {
    Server::builder(crate::root()).hide("/target").hide("/dist").guarded()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn the_policy_comes_with_every_answer() {
        let server = builder().start().unwrap();
        for path in ["/", "/www/engine/worker.js", "/target/none"] {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.contains(policy::CONTENT_SECURITY_POLICY), "{path}: {answer}");
        }
    }
}
