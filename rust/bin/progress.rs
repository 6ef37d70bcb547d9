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
    /// A person at a terminal, of what fetches nothing: how many things are done.
    Count,
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

    /// Of what fetches nothing: a terminal is told how far it is, anything else only the outcome.
    pub(crate) fn count(json: bool) -> Self {
        if Self::of(json) == Self::Bar { Self::Count } else { Self::Silent }
    }
}

/// Shows events and counters until the work is over.
pub(crate) fn show(style: Style, events: &Receiver<Event>, counters: &Counters, over: &dyn Fn() -> bool) {
    let bar = match style {
        Style::Bar => Some(bar("{msg} {wide_bar:.cyan/blue} {bytes}/{total_bytes} {bytes_per_sec} {eta}")),
        Style::Count => Some(bar("{wide_bar:.cyan/blue} {msg} {elapsed}")),
        _ => None,
    };
    loop {
        match events.recv_timeout(TICK) {
            Ok(event) => tell(style, bar.as_ref(), &event),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if over() => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(bar) = &bar {
            advance(style, bar, counters);
        }
    }
    for event in events.try_iter() {
        tell(style, bar.as_ref(), &event);
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

fn bar(template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}

fn advance(style: Style, bar: &ProgressBar, counters: &Counters) {
    let value = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let (done, total) = (value(&counters.packages_done), value(&counters.packages_total));
    bar.set_message(format!("{done}/{total}"));
    let (at, length) = match style {
        Style::Count => (done, total),
        _ => (value(&counters.fetched_bytes), value(&counters.total_bytes)),
    };
    bar.set_length(length);
    bar.set_position(at);
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
        Style::Count | Style::Silent => {}
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
