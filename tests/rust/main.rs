//! The core's integration tests, one file a stage, one binary.
