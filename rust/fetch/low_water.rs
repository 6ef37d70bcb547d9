//! Sleeping until much of an answer is there.
//!
//! Who waits for a socket is woken when as many bytes are there as its low-water mark says (`SO_RCVLOWAT`, socket(7)),
//! by default one: for each packet, or each 64 KiB where the kernel joins packets. With two processors and 32
//! connections that took four hundredths of their time. The mark must not be above what is still to come, or nobody
//! wakes the reader when all is there; so the reader says how much that is. And what a read has taken before it sleeps
//! does not count any more: as much as it may take must come above the mark.
#![allow(unsafe_code)]
// one system call that rustix does not have

use std::cell::Cell;
use std::net::TcpStream;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

/// The highest mark: 20 ms of 25 MB/s. Bytes.
const HIGHEST: u64 = 512 << 10;
/// For less it is not worth telling the kernel. Bytes.
const LOWEST: u64 = 128 << 10;
/// What of an answer may be in the buffers of TLS, where the socket does not see it: one of ureq's, and some records.
const HELD_BY_TLS: u64 = 256 << 10;
/// How long to sleep at most: what has come by then is taken, as much as it is.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

thread_local! {
    /// A thread reads one answer at a time, and ureq asks the socket on the same thread.
    static EXPECTED: Cell<u64> = const { Cell::new(0) };
}

/// Reads from an answer of which so many bytes are still to come.
pub(super) fn expecting<T>(bytes: u64, read: impl FnOnce() -> T) -> T {
    EXPECTED.set(bytes);
    let outcome = read();
    EXPECTED.set(0);
    outcome
}

/// The mark of one socket.
#[derive(Debug)]
pub(super) struct LowWater {
    mark: u64,
    held_above: u64,
}

impl LowWater {
    /// Of a socket with so many layers of TLS above it: one to a server, one to a proxy.
    pub(super) fn new(tls_layers: u64) -> Self {
        Self { mark: 1, held_above: tls_layers * HELD_BY_TLS }
    }

    /// Sets it for the next read, of at most `room` bytes, when `held` bytes have been read that nobody took; whether
    /// it is above one byte.
    pub(super) fn rise(&mut self, socket: &TcpStream, held: usize, room: usize) -> bool {
        let coming = EXPECTED.get().saturating_sub(held as u64 + self.held_above);
        self.set(socket, mark(coming, room as u64));
        self.mark > 1
    }

    /// Any byte is enough.
    pub(super) fn fall(&mut self, socket: &TcpStream) {
        self.set(socket, 1);
    }

    fn set(&mut self, socket: &TcpStream, mark: u64) {
        if mark == self.mark {
            return;
        }
        let value = libc::c_int::try_from(mark).unwrap_or(1);
        let at = (&raw const value).cast();
        #[allow(clippy::cast_possible_truncation)] // four
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: `at` points to an integer of `size` bytes, which is only read, and only during the call.
        let code =
            unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_RCVLOWAT, at, size) };
        // Without it all is right, and a bit slower.
        if code == 0 {
            self.mark = mark;
        }
    }
}

fn mark(coming: u64, room: u64) -> u64 {
    let sure = coming.saturating_sub(room);
    if sure < LOWEST { 1 } else { sure.min(HIGHEST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_above_what_is_to_come() {
        let room = 100_000;
        for (coming, wanted) in [
            (0, 1),
            (LOWEST, 1),
            (LOWEST + room - 1, 1),
            (LOWEST + room, LOWEST),
            (HIGHEST + room - 5, HIGHEST - 5),
            (8 << 20, HIGHEST),
        ] {
            assert_eq!(mark(coming, room), wanted, "{coming}");
        }
    }

    #[test]
    fn only_while_something_is_expected() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut plain, mut tls) = (LowWater::new(0), LowWater::new(1));
        assert!(!plain.rise(&socket, 0, 1));
        assert!(expecting(HIGHEST, || plain.rise(&socket, 0, 1)));
        assert!(!expecting(HIGHEST, || plain.rise(&socket, 0, 500_000)));
        assert!(!expecting(HIGHEST, || plain.rise(&socket, 500_000, 1)));
        assert!(expecting(HIGHEST, || plain.rise(&socket, 0, 1)));
        assert!(!plain.rise(&socket, 0, 1));
        assert!(!expecting(HELD_BY_TLS, || tls.rise(&socket, 0, 1)));
        assert!(expecting(2 * HELD_BY_TLS, || tls.rise(&socket, 0, 1)));
    }
}
