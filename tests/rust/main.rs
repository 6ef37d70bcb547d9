//! The core's integration tests, one file a stage, one binary.

#![allow(clippy::disallowed_methods)] // tests look at files as anybody would

#[path = "../attacks/mod.rs"]
mod attacks;
mod conda;
mod conda_data;
mod conda_package;
mod elf_writer;
mod env_id;
mod fetch;
mod fetch_faults;
mod fetch_in_order;
mod fetch_ways;
#[path = "../fuzz/mod.rs"]
mod fuzz;
mod http_server;
mod layout;
mod libraries;
mod lock;
mod lock_text;
mod overlay;
mod prefix;
mod unpack;
mod unpacked;
mod vouched;
mod zip_writer;
