//! What a run tells its caller: a closed set.

use std::time::Duration;

/// One thing that happened. Byte progress is not an event: it is in [`crate::task::Counters`], read at leisure.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The plan is known.
    Planned {
        /// Packages in the environment.
        packages: u64,
        /// Artifacts that the store lacks.
        missing: u64,
        /// Bytes to fetch, as far as the lock tells.
        bytes: u64,
    },
    /// An artifact is in the store.
    Stored {
        /// Normalized name.
        package: String,
    },
    /// A stage has ended.
    Stage {
        /// `plan`, `fetch`, `link`, `finish` or `publish`.
        name: &'static str,
        /// From the stage's first deed to its last.
        took: Duration,
    },
    /// Something that the user should know and that does not stop the run.
    Warning {
        /// Normalized name, empty if it is about no package.
        package: String,
        /// One sentence.
        message: String,
    },
}
