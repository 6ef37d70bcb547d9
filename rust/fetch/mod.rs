//! Gets the bytes of artifacts over HTTP/1.1: many connections, plain threads, every fault outlived or named.
//!
//! * [`Fetcher`] starts artifacts ([`Source`]) and hands out an [`Arrival`] for each; it owns the threads.
//! * [`Arrival`] is what unpackers read, while the bytes still come.
//! * `queue` says which artifact is next, within the `room` that there is.
//! * `transfer` makes the requests of one artifact as its `plan` says; `body` takes the answers in, and `retry`
//!   says when to ask again.
//! * `storage` keeps the bytes: small files in memory, in `blocks` that are used again; of large ones that are read in
//!   order a `window`; other large ones in a `part` file that a later run goes on with. `memory` bounds it all, `ranges`
//!   says which bytes are there.
//! * `hashing` computes the digests of several files at once; of others, `fetcher` does.
//! * [`named_url`] knows indexes that the lock only names.
//! * [`Client`] does one request: `address` (redirects, no secret shown), `proxy`, `netrc`, `roots`, over `connect`.

mod address;
mod arrival;
mod blocks;
mod body;
mod client;
mod connect;
mod error;
mod fetcher;
mod hashing;
mod index;
mod low_water;
mod memory;
mod netrc;
mod options;
mod part;
mod plan;
mod proxy;
mod queue;
mod ranges;
mod retry;
mod room;
mod roots;
mod source;
mod storage;
mod transfer;
mod window;

pub use arrival::Arrival;
pub use client::Client;
pub use error::FetchError;
pub use fetcher::Fetcher;
pub use index::named_url;
pub use options::{CONNECTIONS, Options};
pub use proxy::ProxySettings;
pub(crate) use room::WINDOWS;
pub use source::Source;
