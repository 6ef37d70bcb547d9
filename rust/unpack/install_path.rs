//! Where a wheel's entry goes: install paths, which name no Python version and no prefix.
//!
//! An install path begins with `site` (below site-packages), `headers` (below `include/site/pythonX.Y`) or `prefix`.

/// Maps the names of one wheel's entries.
#[derive(Debug, Clone)]
pub(crate) struct Mapper {
    /// `<name>-<version>.data/`.
    data: String,
    /// The name as the `.dist-info` directory spells it.
    name: String,
}

/// The name is below the `.data` directory, but not below a scheme that is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownScheme;

impl Mapper {
    /// For the wheel whose `.dist-info` directory is `stem.dist-info`, of the package `name` (as spelled there).
    pub(crate) fn new(stem: &str, name: &str) -> Self {
        Self { data: format!("{stem}.data/"), name: name.to_owned() }
    }

    /// The install path of an entry; `None` for a directory that merely holds schemes.
    pub(crate) fn map(&self, entry: &str) -> Result<Option<String>, UnknownScheme> {
        let Some(below) = entry.strip_prefix(&self.data) else { return Ok(Some(format!("site/{entry}"))) };
        if below.is_empty() {
            return Ok(None);
        }
        let (scheme, path) = below.split_once('/').ok_or(UnknownScheme)?;
        let mapped = match scheme {
            "purelib" | "platlib" => format!("site/{path}"),
            "scripts" => format!("prefix/bin/{path}"),
            "headers" => format!("headers/{}/{path}", self.name),
            "data" => below_prefix(path),
            _ => return Err(UnknownScheme),
        };
        Ok(if path.is_empty() { None } else { Some(mapped) })
    }

    /// Whether an entry is one of the wheel's scripts, which are executable whatever their mode says.
    pub(crate) fn is_script(&self, entry: &str) -> bool {
        entry.strip_prefix(&self.data).is_some_and(|below| below.starts_with("scripts/"))
    }
}

/// The install path of what stands at `path` below the prefix: site-packages and headers are seen as such.
pub(crate) fn below_prefix(path: &str) -> String {
    if let Some(rest) = below_site(path) {
        return format!("site/{rest}");
    }
    if let Some(rest) = below_headers(path) {
        return format!("headers/{rest}");
    }
    format!("prefix/{path}")
}

/// `lib(64)?/python\d+\.\d+/(site|dist)-packages/REST`
fn below_site(path: &str) -> Option<&str> {
    let (lib, rest) = path.split_once('/')?;
    let (python, rest) = rest.split_once('/')?;
    let (packages, rest) = rest.split_once('/')?;
    let fits = matches!(lib, "lib" | "lib64")
        && python_version(python) == Some("")
        && matches!(packages, "site-packages" | "dist-packages");
    (fits && !rest.is_empty()).then_some(rest)
}

/// `include/(site/)?python\d+\.\d+[a-z]*/REST`
fn below_headers(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("include/")?;
    let rest = rest.strip_prefix("site/").unwrap_or(rest);
    let (python, rest) = rest.split_once('/')?;
    let flags = python_version(python)?;
    (flags.bytes().all(|byte| byte.is_ascii_lowercase()) && !rest.is_empty()).then_some(rest)
}

/// What follows `python\d+\.\d+`.
fn python_version(text: &str) -> Option<&str> {
    let rest = digits(text.strip_prefix("python")?)?;
    digits(rest.strip_prefix('.')?)
}

/// What follows one digit or more.
fn digits(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme() {
        let mapper = Mapper::new("My_Pkg-1.0", "My_Pkg");
        for (entry, expected) in [
            ("a/b.py", "site/a/b.py"),
            ("My_Pkg-1.0.dist-info/METADATA", "site/My_Pkg-1.0.dist-info/METADATA"),
            ("other-1.0.data/scripts/x", "site/other-1.0.data/scripts/x"),
            ("My_Pkg-1.0.data/purelib/a.py", "site/a.py"),
            ("My_Pkg-1.0.data/platlib/a/b.so", "site/a/b.so"),
            ("My_Pkg-1.0.data/scripts/x", "prefix/bin/x"),
            ("My_Pkg-1.0.data/headers/x.h", "headers/My_Pkg/x.h"),
            ("My_Pkg-1.0.data/data/share/x", "prefix/share/x"),
            ("My_Pkg-1.0.data/data/lib/python3.11/site-packages/x.py", "site/x.py"),
            ("My_Pkg-1.0.data/data/lib64/python3.9/dist-packages/x/y", "site/x/y"),
            ("My_Pkg-1.0.data/data/lib/python3/site-packages/x.py", "prefix/lib/python3/site-packages/x.py"),
            (
                "My_Pkg-1.0.data/data/lib/python3.11t/site-packages/x",
                "prefix/lib/python3.11t/site-packages/x",
            ),
            ("My_Pkg-1.0.data/data/include/python3.11/x.h", "headers/x.h"),
            ("My_Pkg-1.0.data/data/include/site/python3.13t/a/x.h", "headers/a/x.h"),
            ("My_Pkg-1.0.data/data/include/x.h", "prefix/include/x.h"),
        ] {
            assert_eq!(mapper.map(entry), Ok(Some(expected.to_owned())), "{entry}");
        }
        for folder in ["My_Pkg-1.0.data/", "My_Pkg-1.0.data/data/"] {
            assert_eq!(mapper.map(folder), Ok(None));
        }
        for entry in ["My_Pkg-1.0.data/x", "My_Pkg-1.0.data/bin/x", "My_Pkg-1.0.data/Scripts/x"] {
            assert_eq!(mapper.map(entry), Err(UnknownScheme), "{entry}");
        }
        assert!(mapper.is_script("My_Pkg-1.0.data/scripts/x"));
        assert!(!mapper.is_script("My_Pkg-1.0.data/data/bin/x"));
    }
}
