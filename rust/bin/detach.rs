//! A process that outlives its parent and holds nothing of its: no terminal, no descriptor, no place in its session.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::FdFlags;

/// Starts `bytecode` once more, as a child of nobody: its parent, which is this process, ends at once.
pub(crate) fn detach(root: &Path) -> u8 {
    // The next program starts without them.
    close_inherited();
    let Ok(program) = std::env::current_exe() else { return 1 };
    let mut command = Command::new(program);
    command.args(["bytecode", "--root"]).arg(root);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    u8::from(command.spawn().is_err())
}

/// A session of its own, so that Ctrl-C in a terminal does not reach it; and the lowest priority. Neither is needed.
pub(crate) fn become_a_daemon() {
    let _ = rustix::process::setsid();
    let _ = rustix::process::setpriority_process(None, 19);
}

/// What the caller left open for us stays behind: a pipe that somebody waits to be closed, a lock.
#[allow(unsafe_code)]
fn close_inherited() {
    let Ok(entries) = fastenv::fs::read_dir(Path::new("/proc/self/fd")) else { return };
    let numbers = entries.iter().filter_map(|path| path.file_name()?.to_str()?.parse::<i32>().ok());
    for number in numbers.filter(|number| *number > 2) {
        // SAFETY: borrowed for one call that neither closes nor keeps it; of a number that was closed meanwhile (that
        // of the folder listed) the system says EBADF, and nothing is opened in between.
        let inherited = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::io::fcntl_setfd(inherited, FdFlags::CLOEXEC);
    }
}
