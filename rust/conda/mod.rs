//! From the bytes of a conda package to a tree of files and its [`Index`](crate::unpack::Index). Distrusts every name
//! and number.
//!
//! The modules in the order in which the bytes pass through them: `stream` unpacks zstd and, with [`bzip2`],
//! bzip2 while the bytes arrive, `tar` reads members from them, `landing` writes these as files, `paths` reads what the package says of
//! them, `symlink` looks where its links lead, and [`unpacking`] holds these together. [`fault`] is what can be wrong.
//!
//! What is read: `.conda` (conda.io, "New .conda format": a zip archive of stored zstd tars) and `.tar.bz2`;
//! `info/paths.json` (version 1), and `files`, `has_prefix` and `no_link` of older packages; `info/link.json`.

pub mod bzip2;
pub mod fault;
mod info;
mod landing;
mod paths;
mod stream;
mod symlink;
mod tar;
pub mod unpacking;

pub use fault::{CondaFault, ListedFault, MemberFault};
pub use unpacking::{Expected, Unpacking};
