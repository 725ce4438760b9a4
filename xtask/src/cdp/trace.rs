//! What the browser's threads did in a while, by its own tracing.

use super::{POLL, Page, text};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What tracing calls the thread in which a page's scripts, styles and layout run.
const MAIN_THREAD: &str = "CrRendererMain";

impl Page {
    /// The durations of all tasks that the main threads of pages ran within `time`, longest first.
    pub fn main_thread_tasks(&self, time: Duration) -> Result<Vec<Duration>> {
        let categories = json!(["toplevel", "disabled-by-default-devtools.timeline"]);
        let config = json!({"includedCategories": categories, "excludedCategories": ["*"]});
        let start = json!({"transferMode": "ReturnAsStream", "traceConfig": config});
        self.send("Tracing.start", start)?;
        self.browser.connection.borrow_mut().pump_for(time)?;
        self.send("Tracing.end", json!({}))?;
        let trace: Value = serde_json::from_str(&self.read_stream(&self.trace()?)?).context("the trace is not JSON")?;
        Ok(tasks(
            trace["traceEvents"].as_array().context("the trace has no events")?,
        ))
    }

    /// Waits until the trace is complete, and gives the name of its stream.
    fn trace(&self) -> Result<String> {
        let until = Instant::now() + self.timeout;
        let mut connection = self.browser.connection.borrow_mut();
        loop {
            if let Some(stream) = connection.page(&self.session).trace.take() {
                return Ok(stream);
            }
            if Instant::now() > until {
                bail!("the trace was not complete within {} s", self.timeout.as_secs());
            }
            connection.pump_for(POLL)?;
        }
    }

    fn read_stream(&self, stream: &str) -> Result<String> {
        let mut all = String::new();
        loop {
            let part = self.send("IO.read", json!({"handle": stream}))?;
            all.push_str(&text(&part, "data")?);
            if part["eof"] == true {
                self.send("IO.close", json!({"handle": stream}))?;
                return Ok(all);
            }
        }
    }
}

/// The tasks among a trace's events, longest first.
fn tasks(events: &[Value]) -> Vec<Duration> {
    let thread = |event: &Value| (event["pid"].as_i64(), event["tid"].as_i64());
    let is_main = |event: &&Value| event["name"] == "thread_name" && event["args"]["name"] == MAIN_THREAD;
    let main_threads: Vec<_> = events.iter().filter(is_main).map(thread).collect();
    let is_task = |event: &&Value| event["name"] == "RunTask" && main_threads.contains(&thread(event));
    let microseconds = events.iter().filter(is_task).filter_map(|event| event["dur"].as_u64());
    let mut durations: Vec<_> = microseconds.map(Duration::from_micros).collect();
    durations.sort_by(|a, b| b.cmp(a));
    durations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tasks_of_main_threads_count() {
        let events = [
            json!({"name": "thread_name", "pid": 7, "tid": 1, "args": {"name": "CrRendererMain"}}),
            json!({"name": "thread_name", "pid": 7, "tid": 2, "args": {"name": "DedicatedWorker thread"}}),
            json!({"name": "RunTask", "pid": 7, "tid": 1, "dur": 1500}),
            json!({"name": "RunTask", "pid": 7, "tid": 1, "dur": 4000}),
            json!({"name": "RunTask", "pid": 7, "tid": 2, "dur": 90_000}),
            json!({"name": "RunTask", "pid": 8, "tid": 1, "dur": 90_000}),
            json!({"name": "Layout", "pid": 7, "tid": 1, "dur": 90_000}),
            json!({"name": "RunTask", "pid": 7, "tid": 1}),
        ];
        assert_eq!(tasks(&events), [4000, 1500].map(Duration::from_micros));
    }
}
