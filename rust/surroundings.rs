//! The environment variables that a child process is given: all but credentials that it does not need.
//!
//! What `exec` becomes is no child of ours and has all of them. `python/fastenv/surroundings.py` leaves out the same.

use std::env;
use std::process::Command;

/// Words in names of variables that hold credentials, whatever program they are for.
const WORDS: [&str; 7] = ["PASSW", "SECRET", "TOKEN", "CREDENTIAL", "API_KEY", "APIKEY", "ACCESS_KEY"];
/// Settings of installers, among which are addresses with a login.
const INSTALLERS: [&str; 7] = ["UV_", "PIP_", "TWINE_", "POETRY_", "PDM_", "HATCH_", "FASTENV_INDEX_"];
const ADDRESSES: [&str; 6] = ["INDEX", "REPOSITOR", "FIND_LINKS", "PUBLISH", "URL", "AUTH"];

/// Takes credentials out of what the command will have.
pub(crate) fn without_credentials(command: &mut Command) -> &mut Command {
    for (name, value) in env::vars_os() {
        if is_credential(&name.to_string_lossy(), &value.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

fn is_credential(name: &str, value: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_among = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let of_installer = INSTALLERS.iter().any(|begin| name.starts_with(begin)) && is_among(&ADDRESSES);
    of_installer || is_among(&WORDS) || name.ends_with("PROXY") || has_login(value)
}

/// Whether there is an address with user info.
fn has_login(value: &str) -> bool {
    value.split("://").skip(1).any(|rest| {
        let end = rest.find(|c: char| c == '/' || c.is_whitespace()).unwrap_or(rest.len());
        rest[..end].contains('@')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_by_name_or_value() {
        for (name, value) in [
            ("UV_INDEX", "main=https://index.example/t0k3n/simple"),
            ("UV_INDEX_MAIN_PASSWORD", "x"),
            ("UV_PUBLISH_TOKEN", "x"),
            ("PIP_EXTRA_INDEX_URL", "https://index.example"),
            ("FASTENV_INDEX_MAIN_URL", "https://index.example"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("https_proxy", "http://proxy.example"),
            ("ANY", "see https://me@index.example/simple"),
        ] {
            assert!(is_credential(name, value), "{name}");
        }
        for (name, value) in [
            ("PATH", "/usr/bin"),
            ("PYTHONPATH", "/a@b:/c"),
            ("LD_LIBRARY_PATH", "/opt/lib"),
            ("UV_CACHE_DIR", "/cache"),
            ("PIP_CONFIG_FILE", "/etc/pip.conf"),
            ("HOMEPAGE", "https://index.example/@me"),
        ] {
            assert!(!is_credential(name, value), "{name}");
        }
    }
}
