//! What every long call is given: a way to be cancelled and a way to tell how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};

use crate::event::Event;
use crate::timeline::{Deed, Recorder, Span};

/// The call was cancelled (Ctrl-C, a signal handler that raised, a callback that raised).
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Counters that workers add to and the waiting thread reads; all of them only grow.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes of artifacts that have arrived.
    pub fetched_bytes: AtomicU64,
    /// Bytes of artifacts that must arrive.
    pub total_bytes: AtomicU64,
    /// Packages that are in place.
    pub packages_done: AtomicU64,
    /// Packages in the plan.
    pub packages_total: AtomicU64,
}

/// What a run says to who waits for it, beside its events.
#[derive(Debug)]
pub enum Turn {
    /// A deed that can't be undone comes next: it waits until all events so far were heard and this is dropped.
    Ask(Sender<()>),
    /// The run is over.
    Over,
}

/// One run of one verb. Cheap to clone; all clones are the same run.
#[derive(Clone, Default)]
pub struct Task {
    cancelled: Arc<AtomicBool>,
    /// How far the run is.
    pub counters: Arc<Counters>,
    events: Option<Sender<Event>>,
    turns: Option<Sender<Turn>>,
    recorder: Option<Arc<Recorder>>,
}

impl Task {
    /// A task whose events go to `events`; `None` drops them.
    #[must_use]
    pub fn new(events: Option<Sender<Event>>) -> Self {
        Self { events, ..Self::default() }
    }

    /// The same run, whose listener is waited for at [`Self::heard`].
    #[must_use]
    pub fn waiting_at(&self, turns: Sender<Turn>) -> Self {
        Self { turns: Some(turns), ..self.clone() }
    }

    /// Asks the run to stop at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
    }

    /// The flag itself, for a signal handler to set.
    #[must_use]
    pub fn cancel_flag(&self) -> Arc<AtomicBool> {
        self.cancelled.clone()
    }

    /// Whether [`Self::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// An error if the run was cancelled: called between files and between buffers.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Waits until the listener has heard all that was told so far; an error if it has cancelled the run, as a
    /// callback that raises does. Called before what can't be undone.
    pub fn heard(&self) -> Result<(), Cancelled> {
        if let Some(turns) = &self.turns {
            let (answer, answered) = channel();
            // A listener that went away, or goes while it is waited for, has nothing more to say.
            let _ = turns.send(Turn::Ask(answer)).map(|()| answered.recv());
        }
        self.check()
    }

    /// Tells the listener, if there still is one.
    pub fn emit(&self, event: Event) {
        if let Some(events) = &self.events {
            // A listener that went away is no reason to stop the work.
            let _ = events.send(event);
        }
    }

    /// Bytes of an artifact that have just arrived.
    pub fn fetched(&self, bytes: u64) {
        self.counters.fetched_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// There are so many more things to look at or to do, by a verb that fetches nothing.
    pub fn will_do(&self, count: usize) {
        self.counters.packages_total.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// So many of them are done.
    pub fn did(&self, count: usize) {
        self.counters.packages_done.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Tells the listener of something that the user should know; the sentence for a report.
    #[must_use = "a report has it, too"]
    pub fn warn(&self, package: &str, message: String) -> String {
        let text = if package.is_empty() { message.clone() } else { format!("{package}: {message}") };
        self.emit(Event::Warning { package: package.to_owned(), message });
        text
    }

    /// The same run, whose deeds `recorder` takes down.
    #[must_use]
    pub fn recorded_by(&self, recorder: Arc<Recorder>) -> Self {
        Self { recorder: Some(recorder), ..self.clone() }
    }

    /// Takes down that something is done, from now until the value is dropped, if the run is recorded at all.
    /// `package` is empty if it is about none.
    pub fn span(&self, deed: Deed, package: &str) -> Span<'_> {
        Span::new(self.recorder.as_deref(), deed, package)
    }
}
