//! The newest CUDA that the display driver of this machine can run: no toolkit is asked for.
//!
//! The driver's library is asked in a process of its own (`fastenv-node cuda-driver`): it runs code of the driver's,
//! which may crash or hang on a sick GPU, and leaves descriptors behind. Without that program, or where the library says
//! nothing, `nvidia-smi` is asked.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::surroundings::without_credentials;

/// A driver that takes longer than this is sick.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the library is, in the order in which conda looks.
const LIBRARIES: [&CStr; 8] = [
    c"libcuda.so.1",
    c"libcuda.so",
    c"/usr/lib64/nvidia/libcuda.so.1",
    c"/usr/lib64/nvidia/libcuda.so",
    c"/usr/lib/x86_64-linux-gnu/libcuda.so.1",
    c"/usr/lib/x86_64-linux-gnu/libcuda.so",
    c"/usr/lib/wsl/lib/libcuda.so.1",
    c"/usr/lib/wsl/lib/libcuda.so",
];

/// `12.4`; `None` where there is no GPU or no driver. `program` is `fastenv-node`.
#[must_use]
pub fn version(program: Option<&Path>) -> Option<String> {
    let of_library = program.and_then(|program| {
        let mut command = Command::new(program);
        // With what somebody hides of the GPUs, the library may say that there are none.
        command.arg("cuda-driver").env_remove("CUDA_VISIBLE_DEVICES");
        said(command).map(|text| text.trim().to_owned()).filter(|text| is_version(text))
    });
    of_library.or_else(|| {
        let mut command = Command::new("nvidia-smi");
        command.args(["--query", "--unit", "--xml-format"]);
        let text = said(command)?;
        let (_, rest) = text.split_once("<cuda_version>")?;
        let (version, _) = rest.split_once("</cuda_version>")?;
        Some(version.trim().to_owned()).filter(|version| is_version(version))
    })
}

fn is_version(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(major, minor)| number(major) && number(minor))
}

/// What a command says on standard output, if it ends well and in time.
fn said(mut command: Command) -> Option<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = without_credentials(&mut command).spawn().ok()?;
    let begun = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            // What it says fits into a pipe, so it ends whether it is read or not.
            Ok(None) if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    };
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).ok()?;
    status.success().then_some(text)
}

/// What the driver's library says, in this process: `None` without a library or a GPU. For a process that ends then.
#[must_use]
#[allow(unsafe_code)]
pub fn ask_library() -> Option<String> {
    type Init = unsafe extern "C" fn(c_uint) -> c_int;
    type GetVersion = unsafe extern "C" fn(*mut c_int) -> c_int;
    // SAFETY: the names are texts that end in NUL; what loading runs is the driver's own code, as in any program that
    // uses the GPU.
    let library = LIBRARIES.iter().map(|name| unsafe { dlopen(name.as_ptr(), RTLD_NOW) });
    let library = library.into_iter().find(|library| !library.is_null())?;
    let symbol = |name: &CStr| {
        // SAFETY: the library was opened and is never closed; the name ends in NUL.
        let found = unsafe { dlsym(library, name.as_ptr()) };
        (!found.is_null()).then_some(found)
    };
    // SAFETY: `CUresult cuInit(unsigned int)` and `CUresult cuDriverGetVersion(int *)` are these functions' types in the
    // CUDA driver API, of every version; both are not null.
    let (init, get_version) = unsafe {
        (
            std::mem::transmute::<*mut c_void, Init>(symbol(c"cuInit")?),
            std::mem::transmute::<*mut c_void, GetVersion>(symbol(c"cuDriverGetVersion")?),
        )
    };
    let mut number: c_int = 0;
    // SAFETY: the functions are called as the driver API says, with an integer to write to that outlives the call.
    let is_told = unsafe { init(0) == 0 && get_version(&raw mut number) == 0 };
    (is_told && number > 0).then(|| format!("{}.{}", number / 1000, number % 1000 / 10))
}

const RTLD_NOW: c_int = 2;

#[link(name = "dl")]
#[allow(unsafe_code)]
unsafe extern "C" {
    fn dlopen(name: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (text, expected) in
            [("12.4", true), ("12", false), ("12.", false), ("N/A", false), ("1.2.3", false)]
        {
            assert_eq!(is_version(text), expected, "{text}");
        }
    }

    #[test]
    fn what_a_command_says() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            said(command)
        };
        assert_eq!(shell("echo 12.4").as_deref(), Some("12.4\n"));
        assert_eq!(shell("echo 12.4; exit 1"), None);
        assert_eq!(said(Command::new("/no/such/program")), None);
    }
}
