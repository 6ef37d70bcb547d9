//! The core's integration tests, one file a stage, one binary.

mod env_id;
mod fetch;
mod http_server;
mod layout;
mod lock;
mod lock_text;
