//! The core of fastenv: from a lock to an environment.
//!
//! The modules in the order in which the data passes through them:
//!
//! * [`lock`]: reads `pylock.fastenv.toml`; [`env_id`] names what it describes.
//! * [`probe`]: whether the node has what the lock's conda packages want of it.
//! * [`interpreter`]: finds the node's interpreter that is the lock's.
//! * [`libraries`]: what of the system its objects need, and whether the node has it.
//! * [`plan`]: what the [`store`] lacks; [`obtain`] gets it, by way of the next two.
//! * [`fetch`]: brings an artifact's bytes, readable while they arrive.
//! * [`unpack`]: a wheel's bytes to files and their index; [`conda`]: the same of a conda package.
//! * [`layout`]: which file of which artifact stands where ([`scheme`]: where the folders are; `vacant`: where none does); [`tree`] builds it, with [`link`] and [`finish`].
//! * [`bytecode`]: `.pyc` made once an artifact, linked with the sources.
//! * [`prefix`]: how the tree gets to its place, and what it says of itself.
//! * [`materialize`]: all of these, but for what stands already ([`recheck`]). [`verify`] and [`exec`] (with
//!   [`activation`]) take what it made, and [`timeline`] shows how it went.
//!
//! `surroundings` is what children are given of our variables.
//!
//! Beside them: [`fs`] (the only module that names `std::fs`), [`digest`], [`error`], [`task`] and [`event`].
//! Nothing here prints, and only `py` knows Python.

pub mod activation;
pub mod bytecode;
pub mod conda;
pub mod digest;
pub mod env_id;
pub mod error;
pub mod event;
pub mod exec;
pub mod fetch;
pub mod finish;
pub mod fs;
pub mod interpreter;
pub mod layout;
pub mod libraries;
pub mod link;
pub mod lock;
pub mod materialize;
pub mod obtain;
mod options;
pub mod plan;
pub mod prefix;
pub mod probe;
pub mod recheck;
mod reuse;
pub mod scheme;
pub mod store;
mod surroundings;
pub mod task;
pub mod timeline;
pub mod tree;
pub mod unpack;
mod vacant;
pub mod verify;

#[cfg(feature = "python")]
mod py;
