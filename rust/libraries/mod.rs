//! Libraries that shared objects need of the system: which they are here, and whether a node has them.
//!
//! * [`elf`]: what an object says of itself, read a page at a time (`pages`).
//! * [`loader`]: where the dynamic loader looks for a library (`loader_cache`: `/etc/ld.so.cache`).
//! * [`survey`]: all objects of an environment, and what they need that is none of its own.
//! * [`check`]: what a lock asks for, and this node lacks.

pub mod check;
pub mod elf;
pub mod loader;
mod loader_cache;
mod pages;
pub mod survey;

/// Sonames of what glibc brings. libcrypt and libnsl have become projects of their own, and systems are without them.
const GLIBC: [&str; 16] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libBrokenLocale.so.1",
    "libanl.so.1",
    "libc.so.6",
    "libc_malloc_debug.so.0",
    "libdl.so.2",
    "libm.so.6",
    "libmvec.so.1",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libthread_db.so.1",
    "libutil.so.1",
];

/// The glibc that fastenv itself needs, so that nobody need ask a node for it.
const GLIBC_FLOOR: [u32; 2] = [2, 17];

/// Sonames of GCC's own libraries, whose newer versions add symbols as glibc's do.
const GCC: [&str; 2] = ["libgcc_s.so.1", "libstdc++.so.6"];

/// Whether glibc brings it.
#[must_use]
pub fn is_of_glibc(name: &str) -> bool {
    GLIBC.contains(&name)
}

/// Whether an object that needs it also needs certain versions of its symbols, which older systems lack.
fn has_versions(name: &str) -> bool {
    is_of_glibc(name) || GCC.contains(&name)
}

/// Whether it is the interpreter itself, which comes with the interpreter.
fn is_python(name: &str) -> bool {
    name.starts_with("libpython") || name.starts_with("libpypy")
}
