//! The one doorway of long calls: Ctrl-C works, other Python threads run, progress is told in time.
//!
//! The work runs on a thread of its own and never touches Python. The calling thread waits about 50 ms at a
//! time without the GIL, then takes it, checks signals and hands on what happened. If a signal handler or the
//! callback raises, the work is cancelled, has cleaned up when this returns, and that exception is raised. Before
//! the work does what can't be undone it waits until all events so far are handed on, so that a callback that raises
//! at one of them keeps it from being done, however fast the work is.

use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::error::Result;
use crate::event;
use crate::py::error;
use crate::py::types::Event;
use crate::task::{Task, Turn};

const TICK: Duration = Duration::from_millis(50);

/// Runs `work` and returns its value, or raises its error.
pub(super) fn enter<T: Send>(
    py: Python<'_>,
    on_event: Option<&Py<PyAny>>,
    work: impl FnOnce(&Task) -> Result<T> + Send,
) -> PyResult<T> {
    let (sender, events) = channel();
    let (turn, turns) = channel();
    let task = Task::new(Some(sender)).waiting_at(turn.clone());
    let (result, raised) = py.detach(move || {
        thread::scope(|scope| {
            let worker = {
                let task = task.clone();
                scope.spawn(move || {
                    let result = work(&task);
                    // The listener may have stopped listening: it joins all the same.
                    let _ = turn.send(Turn::Over);
                    result
                })
            };
            let over = || worker.is_finished();
            let raised = wait(&task, &events, &turns, on_event, &over);
            // What asks from here on is not waited for.
            drop(turns);
            (worker.join(), raised)
        })
    });
    if let Some(raised) = raised {
        return Err(raised);
    }
    match result {
        Ok(result) => result.map_err(|fault| error::raise(py, &fault)),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Waits for the work to finish; what was raised meanwhile, if anything. `over` is true even if the work panicked and
/// never said so.
fn wait(
    task: &Task,
    events: &Receiver<event::Event>,
    turns: &Receiver<Turn>,
    on_event: Option<&Py<PyAny>>,
    over: &dyn Fn() -> bool,
) -> Option<PyErr> {
    let mut last = Event::default();
    loop {
        let turn = turns.recv_timeout(TICK).ok();
        let over = matches!(turn, Some(Turn::Over)) || over();
        let told = Python::attach(|py| {
            py.check_signals()?;
            tell(py, task, events, on_event, &mut last)
        });
        if let Err(raised) = told {
            task.cancel();
            return Some(raised);
        }
        if over {
            return None;
        }
        drop(turn);
    }
}

fn tell(
    py: Python<'_>,
    task: &Task,
    events: &Receiver<event::Event>,
    on_event: Option<&Py<PyAny>>,
    last: &mut Event,
) -> PyResult<()> {
    let Some(on_event) = on_event else {
        events.try_iter().for_each(drop);
        return Ok(());
    };
    for event in events.try_iter() {
        on_event.call1(py, (Event::of(event),))?;
    }
    let progress = Event::progress(&task.counters);
    if progress != *last && progress != Event::progress(&crate::task::Counters::default()) {
        on_event.call1(py, (progress.clone(),))?;
        *last = progress;
    }
    Ok(())
}
