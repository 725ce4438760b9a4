//! Shows that a long step runs: a line with the seconds so far on a terminal, plain lines elsewhere. Steps that print
//! their own progress (cargo's builds) do not need it. All of it goes to standard error: what a command gives is on the other.

use anyhow::Result;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Runs `work`, and says what it is and how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let ticker = Ticker::start(what, start);
    let result = work();
    drop(ticker);
    let end = if result.is_ok() { "" } else { " (failed)" };
    eprintln!("{what}: {:.1} s{end}", start.elapsed().as_secs_f32());
    result
}

/// A thread that repaints the elapsed seconds once a second, and clears its line when dropped.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(what: &str, start: Instant) -> Self {
        if !std::io::stderr().is_terminal() {
            eprintln!("{what} …");
            return Ticker {
                stop: None,
                thread: None,
            };
        }
        let (stop, stopped) = channel::<()>();
        let what = what.to_owned();
        let thread = std::thread::spawn(move || {
            loop {
                eprint!("\r\x1b[K{what} … {} s", start.elapsed().as_secs());
                let _ = std::io::stderr().flush();
                if stopped.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
                    eprint!("\r\x1b[K");
                    return;
                }
            }
        });
        Ticker {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
