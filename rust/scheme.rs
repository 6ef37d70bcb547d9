//! Where an environment has what install paths name: site-packages, headers, and all else below the prefix.

use crate::layout::Item;
use crate::lock::Lock;
use crate::unpack::Index;

/// The folders of one environment, relative to its prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scheme {
    /// `python3.11`, as the folder below `lib` and a program in `bin` are named; empty where there is no python.
    pub python: String,
    /// `lib/python3.11/site-packages`; empty where there is no python.
    pub site: String,
    /// Where wheels have their headers, a folder a wheel. In a venv that is a folder of its own, with a python in the
    /// prefix that one's: `include/python3.11`.
    headers: String,
    /// Whether the python is the prefix's own, so that its headers are not the wheels' alone.
    is_own: bool,
}

impl Scheme {
    /// Of a lock's environment.
    #[must_use]
    pub fn of(lock: &Lock) -> Self {
        let Some(interpreter) = &lock.interpreter else { return Self::default() };
        let is_own = lock.has_own_python();
        let headers = if is_own {
            format!("include/python{}{}", interpreter.minor(), interpreter.abi_flags())
        } else {
            format!("include/site/python{}", interpreter.minor())
        };
        Self { python: lock.lib_python(), site: interpreter.site(), headers, is_own }
    }

    /// With nothing known but site-packages, which is what byte code needs.
    #[must_use]
    pub fn at_site(site: &str) -> Self {
        Self { site: site.to_owned(), ..Self::default() }
    }

    /// Whether there is no python.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.site.is_empty()
    }

    /// Where an install path's directory lies below the prefix.
    #[must_use]
    pub fn directory(&self, install_path: &str) -> String {
        let (scheme, rest) = install_path.split_once('/').unwrap_or((install_path, ""));
        let root = match scheme {
            "site" => self.site.as_str(),
            "headers" => &self.headers,
            _ => "",
        };
        match (root, rest) {
            (_, "") => root.to_owned(),
            ("", rest) => rest.to_owned(),
            (root, rest) => format!("{root}/{rest}"),
        }
    }

    /// The install path of an item of `index`, as all packages of the environment would say it: what a conda package has
    /// in site-packages stands there as a wheel's does, and a wheel's headers are where a conda package may have some.
    #[must_use]
    pub fn install_path(&self, index: &Index, item: Item<'_>) -> String {
        let dir = &index.dirs[item.dir() as usize];
        let name = item.name();
        if self.is_own && (dir == "headers" || dir.starts_with("headers/")) {
            return format!("prefix/{}/{name}", self.directory(dir));
        }
        let path = format!("{dir}/{name}");
        let below = path.strip_prefix("prefix/").filter(|_| index.conda.is_some() && !self.is_empty());
        match below.and_then(|path| path.strip_prefix(&self.site)).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => format!("site/{rest}"),
            None => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scheme: &Scheme, rows: &[(&str, &str)]) {
        for (install_path, expected) in rows {
            assert_eq!(scheme.directory(install_path), *expected, "{install_path}");
        }
    }

    #[test]
    fn each_scheme_has_its_folder() {
        let scheme = Scheme {
            python: "python3.13t".to_owned(),
            site: "lib/python3.13t/site-packages".to_owned(),
            headers: "include/python3.13t".to_owned(),
            is_own: true,
        };
        check(
            &scheme,
            &[
                ("site", "lib/python3.13t/site-packages"),
                ("site/a/b", "lib/python3.13t/site-packages/a/b"),
                ("headers/Name", "include/python3.13t/Name"),
                ("prefix", ""),
                ("prefix/bin", "bin"),
                ("sites/a", "a"),
            ],
        );
        check(&Scheme::default(), &[("prefix/share/x", "share/x"), ("prefix", "")]);
    }
}
