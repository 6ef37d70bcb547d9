//! What this node is, as conda's packages ask for it: virtual packages (CEP 30), which no archive brings.
//!
//! [`node`] finds what the machine has; [`check`](Node::check) holds it against a lock. [`spec`] and [`version`] are
//! conda's match specs and order of versions. Nothing is looked for before somebody asks for it: most locks never want
//! to know of a GPU.

pub mod cuda;
pub mod microarchitecture;
pub mod spec;
pub mod version;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::env;
use std::ffi::{CStr, c_char};
use std::path::PathBuf;
use std::str::FromStr;

use crate::interpreter::NodeError;
use crate::lock::Lock;
use microarchitecture::Microarchitecture;
use spec::Spec;
use version::Version;

/// What a node has, where it is not what is found: `__cuda=12.4`, as conda's `CONDA_OVERRIDE_CUDA=12.4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// `__cuda`.
    pub name: String,
    /// The version (of `__archspec` the build); empty if the node is to have no such package.
    pub value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = |why: &str| format!("{text:?} {why}: it is like __cuda=12.4");
        let (name, value) = text.split_once('=').ok_or_else(|| fault("has no ="))?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if !name.starts_with("__") || name.len() < 3 || !name.chars().all(is_name) {
            return Err(fault("names no virtual package"));
        }
        if name != "__archspec" && !value.is_empty() && Version::parse(&value).is_none() {
            return Err(fault("has no version that conda would take"));
        }
        Ok(Self { name, value })
    }
}

/// A virtual package that a node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Virtual {
    /// `__glibc`.
    pub name: String,
    /// `2.36`; `0` where there is none to tell.
    pub version: String,
    /// `0`, but of `__archspec` the name of the microarchitecture.
    pub build: String,
    /// Builds that it is as good as: the microarchitectures whose programs run here, too. conda does not ask for them.
    pub also: Vec<String>,
}

/// Something that packages want and the node lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Names of conda packages.
    pub packages: Vec<String>,
    /// What they want.
    pub spec: String,
    /// What the node has: `__glibc 2.36`; empty if nothing of that name.
    pub found: String,
    /// The microarchitecture that is wanted, if this node runs what is made for it: conda refuses by the name.
    pub runs: Option<String>,
}

/// This machine. What is dear to find is found once, when it is asked for.
#[derive(Debug, Default)]
pub struct Node {
    overrides: Vec<Override>,
    program: Option<PathBuf>,
    cuda: OnceCell<Option<String>>,
    microarchitecture: OnceCell<Microarchitecture>,
}

impl Node {
    /// With overrides, of which the last of a name counts, and `fastenv-node`, if it is known.
    #[must_use]
    pub fn new(overrides: &[Override], program: Option<PathBuf>) -> Self {
        Self { overrides: overrides.to_vec(), program, ..Self::default() }
    }

    /// The release of the kernel, as it says it.
    #[must_use]
    pub fn kernel(&self) -> String {
        rustix::system::uname().release().to_string_lossy().into_owned()
    }

    /// The version of the C library, if that is glibc.
    #[must_use]
    #[allow(unsafe_code)]
    pub fn glibc(&self) -> Option<String> {
        // SAFETY: glibc's function takes nothing and gives a text of its own that ends in NUL and never goes away.
        let text = unsafe { CStr::from_ptr(gnu_get_libc_version()) };
        Some(text.to_str().ok()?.to_owned()).filter(|text| Version::parse(text).is_some())
    }

    /// The processor's microarchitecture.
    pub fn microarchitecture(&self) -> &Microarchitecture {
        self.microarchitecture.get_or_init(Microarchitecture::here)
    }

    /// The newest CUDA that the driver can run, if there is a GPU.
    pub fn cuda(&self) -> Option<&str> {
        self.cuda.get_or_init(|| cuda::version(self.program.as_deref())).as_deref()
    }

    /// All virtual packages that it has, sorted by name.
    #[must_use]
    pub fn virtual_packages(&self) -> Vec<Virtual> {
        let mut names: Vec<String> =
            ["__archspec", "__cuda", "__glibc", "__linux", "__unix"].map(str::to_owned).to_vec();
        names.extend(self.overrides.iter().map(|it| it.name.clone()));
        names.sort_unstable();
        names.dedup();
        names.iter().filter_map(|name| self.find(name)).collect()
    }

    /// The virtual package of a name, if the node has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Virtual> {
        let plain = |version: String| Virtual {
            name: name.to_owned(),
            version,
            build: "0".to_owned(),
            also: Vec::new(),
        };
        let archspec = |it: &Microarchitecture| Virtual {
            build: it.name.clone(),
            also: it.ancestors.clone(),
            ..plain("1".to_owned())
        };
        match (self.overriding(name), name) {
            // A machine without a version of Linux has Linux all the same: so conda has it.
            (Some(value), "__linux") if value.is_empty() => Some(plain("0".to_owned())),
            (Some(value), _) if value.is_empty() => None,
            (Some(value), "__archspec") => Some(archspec(&Microarchitecture::named(&value))),
            (Some(value), "__linux") => Some(plain(numbers(&value))),
            (Some(value), _) => Some(plain(value)),
            (None, "__unix") => Some(plain("0".to_owned())),
            (None, "__linux") => Some(plain(numbers(&self.kernel()))),
            (None, "__glibc") => self.glibc().map(plain),
            (None, "__cuda") => self.cuda().map(|version| plain(version.to_owned())),
            (None, "__archspec") => Some(archspec(self.microarchitecture())),
            (None, _) => None,
        }
    }

    /// What is said of a package: by the caller, else by conda's variable. There is none for `__unix`.
    fn overriding(&self, name: &str) -> Option<String> {
        let given = self.overrides.iter().rev().find(|it| it.name == name).map(|it| it.value.clone());
        let bare = name.strip_prefix("__").filter(|bare| *bare != "unix")?;
        let variable = || env::var(format!("CONDA_OVERRIDE_{}", bare.to_ascii_uppercase())).ok();
        given.or_else(|| variable().map(|value| value.trim().to_owned()))
    }

    /// Holds the node against what the packages of a lock want. Returns what can't be told, a sentence each.
    pub fn check(&self, lock: &Lock) -> Result<Vec<String>, NodeError> {
        self.check_platform(lock)?;
        let (mut lacks, mut warnings) = (Vec::new(), Vec::new());
        let mut known: BTreeMap<String, Option<Virtual>> = BTreeMap::new();
        for wanted in &lock.virtual_packages {
            let Some(spec) = Spec::parse(&wanted.spec) else {
                let packages = wanted.packages.join(", ");
                warnings.push(format!(
                    "whether this node has {:?}, which {packages} wants, was not checked",
                    wanted.spec
                ));
                continue;
            };
            // It tells of the installer, not of the machine.
            if spec.name == "__conda" {
                continue;
            }
            let found = known.entry(spec.name.clone()).or_insert_with(|| self.find(&spec.name)).as_ref();
            if !found.map_or(wanted.optional, |found| found.meets(&spec)) {
                let runs = found.and_then(|found| found.runs(&spec).cloned());
                let found = found.map(ToString::to_string).unwrap_or_default();
                lacks.push(Lack {
                    packages: wanted.packages.clone(),
                    spec: wanted.spec.clone(),
                    found,
                    runs,
                });
            }
        }
        if lacks.is_empty() { Ok(warnings) } else { Err(NodeError::Virtual { lacks }) }
    }

    /// Operating system and processor; and glibc, where no interpreter of the node is asked for it.
    fn check_platform(&self, lock: &Lock) -> Result<(), NodeError> {
        crate::interpreter::check_platform(&lock.platform)?;
        let Some(wanted) = lock.platform.glibc.as_ref().filter(|_| !lock.is_venv()) else { return Ok(()) };
        let found = self.find("__glibc").map_or_else(|| "none".to_owned(), |it| it.version);
        let versions = (Version::parse(&found), Version::parse(wanted));
        match versions {
            (Some(has), Some(floor)) if has >= floor => Ok(()),
            _ => Err(NodeError::Glibc { wanted: wanted.clone(), found, who: "this node".to_owned() }),
        }
    }
}

impl Virtual {
    fn meets(&self, spec: &Spec) -> bool {
        self.meets_as(&self.build, spec)
    }

    fn meets_as(&self, build: &str, spec: &Spec) -> bool {
        Version::parse(&self.version).is_some_and(|version| spec.is_met_by(&version, &self.version, build))
    }

    /// That of its ancestors which would meet a spec.
    fn runs(&self, spec: &Spec) -> Option<&String> {
        self.also.iter().find(|build| self.meets_as(build, spec))
    }
}

impl std::fmt::Display for Virtual {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let build = if self.build == "0" { String::new() } else { format!(" {}", self.build) };
        write!(f, "{} {}{build}", self.name, self.version)
    }
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { packages, spec, found, runs } = self;
        let (wants, has) = (
            if packages.len() == 1 { "wants" } else { "want" },
            if found.is_empty() { "none" } else { found },
        );
        write!(f, "{} {wants} {spec}, this node has {has}", packages.join(", "))?;
        match runs {
            Some(name) => write!(
                f,
                " (which runs what is made for {name}, but conda wants the very name: \
                 --override-virtual __archspec={name})"
            ),
            None => Ok(()),
        }
    }
}

/// Two to four numbers at the beginning of a kernel's release; `0` if there are none.
fn numbers(release: &str) -> String {
    let mut end = 0;
    for (at, part) in release.split('.').take(4).enumerate() {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            break;
        }
        end += digits + usize::from(at > 0);
        if digits < part.len() {
            break;
        }
    }
    let found = &release[..end];
    if found.contains('.') { found.to_owned() } else { "0".to_owned() }
}

#[allow(unsafe_code)]
unsafe extern "C" {
    safe fn gnu_get_libc_version() -> *const c_char;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(overrides: &[&str]) -> Node {
        let overrides: Vec<Override> = overrides.iter().map(|text| text.parse().unwrap()).collect();
        Node::new(&overrides, None)
    }

    #[test]
    fn what_is_no_override() {
        for text in ["", "__cuda", "cuda=12", "__=1", "__cu da=1", "__cuda=1..2", "__cuda=new york"] {
            let said = text.parse::<Override>().expect_err(text);
            assert!(said.contains("it is like __cuda=12.4"), "{said}");
        }
    }

    #[test]
    fn overrides_are_as_conda_has_them() {
        let node =
            node(&["__cuda=11.8", "__cuda=12.4", "__glibc=", "__linux=", "__archspec=zen2", "__new=3"]);
        let shown: Vec<String> = node.virtual_packages().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["__archspec 1 zen2", "__cuda 12.4", "__linux 0", "__new 3", "__unix 0"]);
        assert!(node.find("__archspec").unwrap().also.contains(&"x86_64_v3".to_owned()));
    }

    #[test]
    fn this_machine() {
        let node = node(&["__cuda="]);
        assert!(node.glibc().is_some_and(|version| version.starts_with("2.")));
        assert_ne!(node.find("__linux").unwrap().version, "0");
        assert!(node.microarchitecture().level().is_some());
    }

    #[test]
    fn kernels() {
        for (release, expected) in [
            ("6.1.0-18-amd64", "6.1.0"),
            ("5.15.167.4-microsoft-standard-WSL2", "5.15.167.4"),
            ("4.18.0-553.el8_10.x86_64", "4.18.0"),
            ("3.10", "3.10"),
            ("6.9rc1", "6.9"),
            ("1.2.3.4.5", "1.2.3.4"),
            ("6", "0"),
            ("odd", "0"),
            ("", "0"),
        ] {
            assert_eq!(numbers(release), expected, "{release}");
        }
    }
}
