//! Finds the node's interpreter that is the one of the lock.
//!
//! Implementation, full version and SOABI must be the same; another build string is a warning, or an error if
//! the caller is strict. Every interpreter that was looked at and did not fit is named with its reason.

use std::collections::BTreeSet;
use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::digest::Sha256;
use crate::fs;
use crate::libraries::check::Missing;
use crate::lock::{LockedInterpreter, Platform};
use crate::probe::Lack;
use crate::surroundings::without_credentials;

/// Says one fact a line. Run with `-I -S`: nothing of the environment is imported.
const QUESTION: &str = r"
import importlib.machinery, importlib.util, os, platform, sys
base = getattr(sys, '_base_executable', None) or sys.executable
here = os.path.dirname(os.path.dirname(os.path.abspath(sys.executable)))
for config in (os.path.join(here, 'pyvenv.cfg'), os.path.join(os.path.dirname(sys.executable), 'pyvenv.cfg')):
    if os.path.exists(config):
        for line in open(config, encoding='utf-8'):
            key, _, home = line.partition('=')
            if key.strip() == 'home':
                for name in ('python%d.%d' % sys.version_info[:2], 'python3', 'python'):
                    if os.path.exists(os.path.join(home.strip(), name)):
                        base = os.path.join(home.strip(), name)
                        break
        break
suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
soabi = suffix[1:].rpartition('.')[0]
try:
    libc = os.confstr('CS_GNU_LIBC_VERSION') or ''
except (AttributeError, ValueError, OSError):
    libc = ''
build = ', '.join(platform.python_build()) + '; ' + platform.python_compiler()
tag, magic = sys.implementation.cache_tag or '', importlib.util.MAGIC_NUMBER.hex()
words = (sys.implementation.name, platform.python_version(), soabi, build, os.path.abspath(base), libc, tag, magic)
for word in words:
    print(word.replace('\n', ' ').strip())
";

/// An interpreter of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interpreter {
    /// The base executable: of no virtual environment.
    pub executable: PathBuf,
    /// `cpython`.
    pub implementation: String,
    /// Full version.
    pub version: String,
    /// Empty if it has none.
    pub soabi: String,
    /// Build number, date and compiler.
    pub build: String,
    /// `2.36`; none on another libc.
    pub glibc: Option<String>,
    /// Cache tag (`cpython-311`) and magic number (hexadecimal digits) of its byte code; none if it writes none.
    pub byte_code: Option<(String, String)>,
}

/// Why this node can't hold the environment.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Another operating system or processor.
    #[error("the lock is for {wanted}, this node is {found}")]
    Platform {
        /// As the lock says.
        wanted: String,
        /// As the node says.
        found: String,
    },
    /// An artifact of the lock needs a newer glibc.
    #[error("the lock needs glibc {wanted} or newer, {who} has {found}")]
    Glibc {
        /// The floor in the lock.
        wanted: String,
        /// What the interpreter runs on.
        found: String,
        /// The interpreter, or the node.
        who: String,
    },
    /// Conda packages of the lock want something that the node is not or has not.
    #[error("this node is not what conda packages of the lock want:{}", listed(lacks))]
    Virtual {
        /// All of it.
        lacks: Vec<Lack>,
    },
    /// No interpreter is the one of the lock.
    #[error("no {wanted} on this node; looked at:{}", list(seen))]
    Interpreter {
        /// As the lock says.
        wanted: String,
        /// Each interpreter and why it does not fit.
        seen: Vec<(PathBuf, String)>,
    },
    /// Libraries that the environment was scanned with are not here.
    #[error("this node lacks libraries that the environment needs:{}", lines(missing))]
    Libraries {
        /// Each, and who needs it.
        missing: Vec<Missing>,
    },
    /// The root of the store is another user's.
    #[error("{} belongs to another user (uid {owner}): each user has a store of their own", path.display())]
    Owner {
        /// The root, or `v1` in it.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// No folder for the store.
    #[error("no folder on a local disk for the store; looked at:{}", list(seen))]
    Root {
        /// Each folder and why it does not do.
        seen: Vec<(PathBuf, String)>,
    },
}

impl NodeError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Platform { wanted, .. } => {
                format!("lock in an environment on {wanted}, or use such a node")
            }
            Self::Virtual { .. } => {
                "use another node; if it does have this, say so with --override-virtual NAME=VERSION".to_owned()
            }
            Self::Glibc { .. } => "lock on a machine with an older glibc, or use a newer node".to_owned(),
            Self::Interpreter { wanted, .. } => {
                format!("install {wanted} on the node, or name one with --python")
            }
            Self::Libraries { missing } => {
                let names: Vec<&str> = missing.iter().map(|library| library.name.as_str()).collect();
                format!(
                    "install them on the node, or name their folder in $LD_LIBRARY_PATH; if that part of the packages is \
                     not used here, --allow-missing-libs={} goes on without, as allow-missing-libs in the settings of \
                     the next lock does",
                    names.join(",")
                )
            }
            Self::Owner { .. } => {
                "name a folder of your own with --root or $FASTENV_ROOT; behind it, $FASTENV_ROOT may list roots to \
                 read from"
                    .to_owned()
            }
            Self::Root { .. } => "name a folder with --root or $FASTENV_ROOT".to_owned(),
        }
    }
}

fn listed(lacks: &[Lack]) -> String {
    lacks.iter().fold(String::new(), |text, lack| format!("{text}\n  {lack}"))
}

fn list(seen: &[(PathBuf, String)]) -> String {
    if seen.is_empty() {
        return " nothing".to_owned();
    }
    seen.iter().fold(String::new(), |text, (path, why)| format!("{text}\n  {}: {why}", path.display()))
}

fn lines(missing: &[Missing]) -> String {
    missing.iter().fold(String::new(), |text, library| format!("{text}\n  {library}"))
}

/// What is looked for, and how.
#[derive(Debug)]
pub struct Search<'a> {
    /// From the lock.
    pub wanted: &'a LockedInterpreter,
    /// From the lock.
    pub platform: &'a Platform,
    /// Only this one, if given.
    pub explicit: Option<&'a Path>,
    /// Another build string is an error.
    pub strict: bool,
    /// Where answers are kept, if anywhere.
    pub cache: Option<&'a Path>,
}

impl Search<'_> {
    /// The interpreter, and a warning if its build differs.
    pub fn run(&self) -> Result<(Interpreter, Option<String>), NodeError> {
        check_platform(self.platform)?;
        let mut seen = Vec::new();
        let mut other_build = None;
        for candidate in self.candidates() {
            let found = match ask(&candidate, self.cache) {
                Ok(found) => found,
                Err(why) => {
                    seen.push((candidate, why));
                    continue;
                }
            };
            match self.misfit(&found) {
                Some(why) => seen.push((candidate, why)),
                None if found.build == self.wanted.build => return self.accept(found, None),
                None if self.strict => seen.push((candidate, format!("is another build: {}", found.build))),
                None => other_build = other_build.or(Some(found)),
            }
        }
        let Some(found) = other_build else {
            return Err(NodeError::Interpreter { wanted: self.name(), seen });
        };
        let warning = format!(
            "{} is another build ({}) than the one scanned ({})",
            found.executable.display(),
            found.build,
            self.wanted.build
        );
        self.accept(found, Some(warning))
    }

    fn name(&self) -> String {
        format!("{} {} ({})", self.wanted.implementation, self.wanted.version, self.wanted.soabi)
    }

    fn misfit(&self, found: &Interpreter) -> Option<String> {
        let pairs = [
            ("", &self.wanted.implementation, &found.implementation),
            ("version ", &self.wanted.version, &found.version),
            ("SOABI ", &self.wanted.soabi, &found.soabi),
        ];
        let (what, _, found) = pairs.into_iter().find(|(_, wanted, found)| wanted != found)?;
        Some(format!("is {what}{found}"))
    }

    fn accept(
        &self,
        found: Interpreter,
        warning: Option<String>,
    ) -> Result<(Interpreter, Option<String>), NodeError> {
        let Some(wanted) = &self.platform.glibc else { return Ok((found, warning)) };
        let has = found.glibc.clone().unwrap_or_else(|| "none".to_owned());
        if numbers(&has) >= numbers(wanted) {
            return Ok((found, warning));
        }
        let who = found.executable.display().to_string();
        Err(NodeError::Glibc { wanted: wanted.clone(), found: has, who })
    }

    /// In the order in which they are asked, each once.
    fn candidates(&self) -> Vec<PathBuf> {
        if let Some(explicit) = self.explicit {
            return vec![explicit.to_owned()];
        }
        let name = format!("python{}", self.wanted.minor());
        let mut found: Vec<PathBuf> = self.wanted.executable.iter().map(PathBuf::from).collect();
        if let Some(path) = env::var_os("PATH") {
            found.extend(env::split_paths(&path).map(|folder| folder.join(&name)));
        }
        for folder in version_folders() {
            let versions = fs::read_dir(&folder).unwrap_or_default();
            found.extend(versions.into_iter().map(|version| version.join("bin").join(&name)));
        }
        let mut seen = BTreeSet::new();
        // The one that was scanned is asked even if it is not there, so that the answer names it.
        let hint = self.wanted.executable.as_ref().map(PathBuf::from);
        let is_asked = |path: &PathBuf| path.is_file() || hint.as_ref() == Some(path);
        found.retain(|path| is_asked(path) && seen.insert(fs::canonicalize(path).unwrap_or(path.clone())));
        found
    }
}

/// Whether the node is of the operating system and the processor that the lock is for.
pub fn check_platform(platform: &Platform) -> Result<(), NodeError> {
    let wanted = format!("{} {}", platform.os, platform.arch);
    let found = format!("{} {}", env::consts::OS, env::consts::ARCH);
    if wanted == found { Ok(()) } else { Err(NodeError::Platform { wanted, found }) }
}

/// Folders whose children are installations of Python: pyenv's and uv's.
fn version_folders() -> Vec<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let from = |name: &str| env::var_os(name).map(PathBuf::from);
    let data = from("XDG_DATA_HOME").unwrap_or_else(|| home.join(".local/share"));
    vec![
        from("PYENV_ROOT").unwrap_or_else(|| home.join(".pyenv")).join("versions"),
        from("UV_PYTHON_INSTALL_DIR").unwrap_or_else(|| data.join("uv/python")),
    ]
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

/// Asks an interpreter what it is; the answer of a binary is kept until the file changes.
pub fn ask(executable: &Path, cache: Option<&Path>) -> Result<Interpreter, String> {
    if !executable.is_file() {
        return Err("is not there".to_owned());
    }
    let kept = cache.and_then(|folder| Kept::at(folder, executable));
    if let Some(found) = kept.as_ref().and_then(Kept::load) {
        return Ok(found);
    }
    let answer = question(executable)?;
    let found = parse(&answer).ok_or_else(|| "gave no sensible answer".to_owned())?;
    if let Some(kept) = kept {
        kept.store(&answer);
    }
    Ok(found)
}

fn question(executable: &Path) -> Result<String, String> {
    let mut command = Command::new(executable);
    command.args(["-I", "-S", "-c", QUESTION]).env_remove("PYTHONHOME").stdin(Stdio::null());
    let asked =
        without_credentials(&mut command).output().map_err(|fault| format!("can't be run: {fault}"))?;
    if !asked.status.success() {
        let said = String::from_utf8_lossy(&asked.stderr);
        return Err(format!("failed: {}", said.lines().last().unwrap_or("it said nothing")));
    }
    Ok(String::from_utf8_lossy(&asked.stdout).into_owned())
}

fn parse(answer: &str) -> Option<Interpreter> {
    let mut lines = answer.lines().map(str::to_owned);
    let found = Interpreter {
        implementation: lines.next()?,
        version: lines.next()?,
        soabi: lines.next()?,
        build: lines.next()?,
        executable: PathBuf::from(lines.next()?),
        glibc: lines.next()?.strip_prefix("glibc ").map(str::to_owned),
        byte_code: Some((lines.next()?, lines.next()?)).filter(|(tag, magic)| is_word(tag) && is_word(magic)),
    };
    (!found.implementation.is_empty()).then_some(found)
}

/// Fit for a name of a file.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte))
}

/// A kept answer: the executable's stamp on the first line, the answer after it.
struct Kept {
    file: PathBuf,
    stamp: String,
}

impl Kept {
    /// None for what is not a binary: a shim's answer depends on more than its file.
    fn at(folder: &Path, executable: &Path) -> Option<Self> {
        let real = fs::canonicalize(executable).ok()?;
        let mut magic = [0; 4];
        fs::read_up_to(&mut fs::open(&real).ok()?, &mut magic, &real).ok()?;
        if &magic != b"\x7fELF" {
            return None;
        }
        let meta = fs::metadata(&real).ok()?;
        let stamp =
            format!("2 {} {} {} {}", meta.dev(), meta.ino(), meta.size(), meta.mtime_nsec() + meta.mtime());
        let name = Sha256::of(executable.as_os_str().as_encoded_bytes()).to_string();
        Some(Self { file: folder.join(&name[..16]), stamp })
    }

    fn load(&self) -> Option<Interpreter> {
        let text = fs::read_to_string(&self.file).ok()?;
        // An answer that was cut short ends elsewhere.
        let (stamp, answer) = text.split_once('\n').filter(|(_, answer)| answer.ends_with('\n'))?;
        let found = parse(answer).filter(|_| stamp == self.stamp)?;
        found.executable.exists().then_some(found)
    }

    /// An answer that can't be kept is asked for again: no error.
    fn store(&self, answer: &str) {
        if let Some(folder) = self.file.parent() {
            let _ = fs::create_dir_all(folder);
        }
        let _ = fs::write_atomic(&self.file, format!("{}\n{answer}", self.stamp).as_bytes(), 0o644);
    }
}
