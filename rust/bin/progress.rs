//! How far a run is: a bar on a terminal, plain lines elsewhere, JSON lines if asked for.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use fastenv::event::Event;
use fastenv::task::Counters;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

const TICK: Duration = Duration::from_millis(50);

/// Who reads.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// A person at a terminal.
    Bar,
    /// A log.
    Plain,
    /// A program.
    Json,
    /// Nobody.
    Silent,
}

impl Style {
    pub(crate) fn of(json: bool) -> Self {
        match (json, std::io::stderr().is_terminal()) {
            (true, _) => Self::Json,
            (false, true) => Self::Bar,
            (false, false) => Self::Plain,
        }
    }
}

/// Shows events and counters until the work is over.
pub(crate) fn show(style: Style, events: &Receiver<Event>, counters: &Counters, over: &dyn Fn() -> bool) {
    let bar = (style == Style::Bar).then(bar);
    loop {
        match events.recv_timeout(TICK) {
            Ok(event) => tell(style, bar.as_ref(), &event),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if over() => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(bar) = &bar {
            advance(bar, counters);
        }
    }
    for event in events.try_iter() {
        tell(style, bar.as_ref(), &event);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn bar() -> ProgressBar {
    let template = "{msg} {wide_bar:.cyan/blue} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn advance(bar: &ProgressBar, counters: &Counters) {
    let value = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    bar.set_message(format!("{}/{}", value(&counters.packages_done), value(&counters.packages_total)));
    bar.set_length(value(&counters.total_bytes));
    bar.set_position(value(&counters.fetched_bytes));
}

fn tell(style: Style, bar: Option<&ProgressBar>, event: &Event) {
    match style {
        Style::Json => {
            let _ = writeln!(std::io::stdout().lock(), "{}", row(event));
        }
        Style::Bar | Style::Plain => {
            let Some(line) = line(event) else { return };
            match bar {
                Some(bar) => bar.suspend(|| aside(&line)),
                None => aside(&line),
            }
        }
        Style::Silent => {}
    }
}

fn aside(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

#[allow(clippy::cast_precision_loss)] // megabytes to one decimal
fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Planned { packages, missing, bytes } => {
            format!("{packages} packages, {missing} to fetch ({:.1} MB)", *bytes as f64 / 1e6)
        }
        Event::Stage { name, took } => format!("{name}: {:.2} s", took.as_secs_f64()),
        Event::Warning { package, message } if package.is_empty() => format!("warning: {message}"),
        Event::Warning { package, message } => format!("warning: {package}: {message}"),
        Event::Stored { .. } => return None,
    })
}

fn row(event: &Event) -> serde_json::Value {
    match event {
        Event::Planned { packages, missing, bytes } => {
            json!({"event": "plan", "packages": packages, "missing": missing, "bytes": bytes})
        }
        Event::Stored { package } => json!({"event": "stored", "package": package}),
        Event::Stage { name, took } => {
            json!({"event": "stage", "stage": name, "seconds": took.as_secs_f64()})
        }
        Event::Warning { package, message } => {
            json!({"event": "warning", "package": package, "message": message})
        }
    }
}
