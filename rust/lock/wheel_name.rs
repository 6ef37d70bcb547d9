//! What the name of a wheel says, beside what the lock says of it.

use percent_encoding::percent_decode_str;

use crate::unpack::version::{normalize_name, same_version};

/// Why a wheel of this name is not of this package and version; none if it is. (Binary distribution format, "File
/// name convention".)
pub(super) fn misfit(file_name: &str, package: &str, version: &str) -> Option<String> {
    // A name that was taken from a URL may have its `+` escaped.
    let name = percent_decode_str(file_name).decode_utf8_lossy();
    let parts: Vec<&str> = name.strip_suffix(".whl").unwrap_or(&name).split('-').collect();
    let &[project, stated, ref tags @ ..] = parts.as_slice() else {
        return Some(format!("{file_name:?} is no name of a wheel"));
    };
    if !(3..=4).contains(&tags.len()) {
        return Some(format!("{file_name:?} is no name of a wheel"));
    }
    if normalize_name(project) != package {
        return Some(format!("its wheel is one of {project}: {file_name}"));
    }
    // A wheel's name has `_` where its version has `-`.
    if same_version(stated, version) || stated == version.replace('-', "_") {
        return None;
    }
    Some(format!("the lock says version {version}, its wheel is of version {stated}: {file_name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_other_words() {
        for (file_name, package, version) in [
            ("my_pkg-1.0-py3-none-any.whl", "my-pkg", "1.0"),
            ("My.Pkg-1.0.0-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "my-pkg", "1"),
            ("torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl", "torch", "2.5.1+cpu"),
            ("old-1.0_1-py3-none-any.whl", "old", "1.0-1"),
            ("odd-2004d-py3-none-any.whl", "odd", "2004d"),
        ] {
            assert_eq!(misfit(file_name, package, version), None);
        }
    }

    #[test]
    fn another_version_another_package_and_no_wheel() {
        let said = misfit("a-1.0-py3-none-any.whl", "a", "1.1").unwrap();
        assert_eq!(said, "the lock says version 1.1, its wheel is of version 1.0: a-1.0-py3-none-any.whl");
        assert!(misfit("a-1.0+cpu-py3-none-any.whl", "a", "1.0").is_some());
        let said = misfit("b-1.0-py3-none-any.whl", "a", "1.0").unwrap();
        assert_eq!(said, "its wheel is one of b: b-1.0-py3-none-any.whl");
        for name in ["a.whl", "a-1.0.whl", "a-1.0-py3-none.whl", "a-1.0-1-2-py3-none-any.whl"] {
            assert!(misfit(name, "a", "1.0").unwrap().ends_with("is no name of a wheel"), "{name}");
        }
    }
}
