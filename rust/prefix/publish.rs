//! How a tree that is whole gets to its prefix: in one step, beside what was there, or in place.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::fs::{self, FsError};
use crate::prefix::state::State;
use crate::prefix::{Standing, own_folder};
use crate::store::run::{self, Run};

/// Why nothing can be published at a prefix.
#[derive(Debug, thiserror::Error)]
pub enum PrefixError {
    /// Something that fastenv did not make.
    #[error("{} is there already and is not an environment that fastenv made", .0.display())]
    Foreign(PathBuf),
    /// It should be one that fastenv made.
    #[error("{} is not an environment that fastenv made", .0.display())]
    Unknown(PathBuf),
    /// Not a path that can be one.
    #[error("{} can't be a prefix: {why}", path.display())]
    Unfit {
        /// As given.
        path: PathBuf,
        /// In words.
        why: &'static str,
    },
    /// The file system said no.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// Where a tree is built before it stands at its prefix.
#[derive(Debug)]
pub struct Staging {
    prefix: PathBuf,
    site: Site,
}

#[derive(Debug)]
enum Site {
    /// A folder beside the prefix, or in the store's `tmp`: `<run>/env`.
    Beside(Run),
    /// The prefix itself, since nothing can be made beside it.
    InPlace,
}

impl Staging {
    /// Prepares staging for `prefix`, which must not be foreign: in the folder of `run` if the prefix is the store's
    /// `own`; beside the prefix otherwise.
    pub fn prepare(prefix: &Path, standing: &Standing, run: &Run, own: bool) -> Result<Self, PrefixError> {
        if *standing == Standing::Foreign {
            return Err(PrefixError::Foreign(prefix.to_owned()));
        }
        let parent = prefix.parent().ok_or_else(|| unfit(prefix, "it is the root folder"))?;
        let name = prefix.file_name().ok_or_else(|| unfit(prefix, "it has no name"))?;
        let stem = format!(".{}.fastenv", name.to_string_lossy());
        let made = if own {
            Run::make(run.folder(), "env")
        } else {
            fs::create_dir_all(parent)?;
            run::sweep_named(parent, &format!("{stem}."));
            Run::make(parent, &stem)
        };
        let site = match made {
            Ok(made) => Site::Beside(made),
            Err(fault) if is_denied(&fault) && fs::exists(prefix) => {
                if *standing == Standing::Changed && State::read(prefix).is_some() {
                    return Err(unfit(
                        prefix,
                        "it was changed since, and there is no room beside it to keep it",
                    ));
                }
                Site::InPlace
            }
            Err(fault) => return Err(fault.into()),
        };
        let staging = Self { prefix: prefix.to_owned(), site };
        if let (Site::Beside(made), false) = (&staging.site, own) {
            run.answer_for(made.folder())?;
        }
        if staging.is_beside() {
            staging.clear()?;
        }
        Ok(staging)
    }

    /// Whether it is apart from what stands at the prefix.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        matches!(self.site, Site::Beside(_))
    }

    /// To be called when the tree's parts are all there: in place, what stands at the prefix goes now, unless it is
    /// somebody's who came meanwhile.
    pub fn begin(&self) -> Result<(), PrefixError> {
        if self.is_beside() {
            return Ok(());
        }
        match Standing::of(&self.prefix) {
            Standing::Foreign => Err(PrefixError::Foreign(self.prefix.clone())),
            _ => Ok(self.clear()?),
        }
    }

    /// The folder to build in.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        match &self.site {
            Site::Beside(run) => run.folder().join("env"),
            Site::InPlace => self.prefix.clone(),
        }
    }

    /// An empty folder; in place, `.fastenv` without a state says meanwhile whose it is.
    fn clear(&self) -> Result<(), FsError> {
        let folder = self.folder();
        match self.site {
            Site::Beside(_) => fs::create_dir(&folder)?,
            Site::InPlace => {
                let own = own_folder(&folder);
                for path in fs::read_dir(&folder)?.iter().filter(|path| **path != own) {
                    remove(path)?;
                }
                fs::remove_tree(&own)?;
            }
        }
        fs::create_dir(&own_folder(&folder))
    }

    /// Publishes the tree, whose state is written. Returns where the old one was put, if it was worth keeping:
    /// that is, if somebody had changed it, be it since `standing` was found.
    pub fn publish(&self, standing: &Standing) -> Result<Option<PathBuf>, PrefixError> {
        let Site::Beside(_) = &self.site else { return Ok(None) };
        let folder = self.folder();
        match fs::rename_new(&folder, &self.prefix) {
            Ok(()) => return Ok(None),
            Err(fault) if !fs::exists(&self.prefix) => return Err(fault.into()),
            Err(_) => {}
        }
        let now = Standing::of(&self.prefix);
        match now {
            Standing::Foreign => return Err(PrefixError::Foreign(self.prefix.clone())),
            Standing::Absent | Standing::Empty => {
                fs::rename(&folder, &self.prefix)?;
                return Ok(None);
            }
            Standing::Ours(_) | Standing::Changed | Standing::Damaged => {}
        }
        let is_work = *standing == Standing::Changed || now == Standing::Changed;
        let kept = is_work.then(|| aside(&self.prefix));
        self.replace(kept.as_deref())?;
        Ok(kept)
    }

    /// Puts the tree in the place of what stands at the prefix. That goes to `kept`, else away with this run.
    fn replace(&self, kept: Option<&Path>) -> Result<(), FsError> {
        let (folder, old) = (self.folder(), self.folder().with_file_name("old"));
        // The tree gets the name of what is kept and then changes places with it: who dies in between leaves nobody's
        // work where the next run would sweep it out.
        if let Some(kept) = kept {
            fs::rename(&folder, kept)?;
        }
        if fs::exchange(kept.unwrap_or(&folder), &self.prefix).is_ok() {
            return Ok(());
        }
        if let Some(kept) = kept {
            fs::rename(kept, &folder)?;
        }
        fs::rename(&self.prefix, kept.unwrap_or(&old))?;
        fs::rename(&folder, &self.prefix)
    }

    /// Takes back what was just published, so that what stood at the prefix stands there again; `kept` is what
    /// publishing returned. In place there is nothing to go back to.
    pub fn withdraw(&self, standing: &Standing, kept: Option<&Path>) -> Result<(), FsError> {
        let Site::Beside(_) = &self.site else { return Ok(()) };
        let (folder, old) = (self.folder(), self.folder().with_file_name("old"));
        let before = kept.unwrap_or(if fs::exists(&old) { &old } else { &folder });
        if before == folder && fs::exists(before) && fs::exchange(before, &self.prefix).is_ok() {
            return Ok(());
        }
        let aside = self.folder().with_file_name("withdrawn");
        fs::rename(&self.prefix, &aside)?;
        match standing {
            Standing::Empty => fs::create_dir(&self.prefix),
            _ if fs::exists(before) => fs::rename(before, &self.prefix),
            _ => Ok(()),
        }
    }
}

/// Whether scripts, records and `PATH` can name a prefix, as they have to.
pub fn check_name(prefix: &Path) -> Result<(), PrefixError> {
    let why = match prefix.to_str() {
        None => "its name is not UTF-8, and files have to name it",
        Some(name) if name.contains(char::is_control) => {
            "its name has a control character, and files have to name it"
        }
        Some(name) if name.contains(':') => "its name has a colon, which separates folders in PATH",
        Some(_) => return Ok(()),
    };
    Err(unfit(prefix, why))
}

/// `PREFIX.changed-<seconds since 1970>`: a name that is free.
fn aside(prefix: &Path) -> PathBuf {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let name = prefix.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut names = (seconds..).map(|number| prefix.with_file_name(format!("{name}.changed-{number}")));
    names.find(|path| !fs::exists(path)).unwrap_or_else(|| prefix.with_extension("changed"))
}

fn remove(path: &Path) -> Result<(), FsError> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_tree(path) } else { fs::remove_file(path) }
}

fn unfit(path: &Path, why: &'static str) -> PrefixError {
    PrefixError::Unfit { path: path.to_owned(), why }
}

fn is_denied(fault: &FsError) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(fault.kind(), PermissionDenied | ReadOnlyFilesystem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Sha256;

    struct Lab {
        folder: tempfile::TempDir,
        prefix: PathBuf,
        run: Run,
    }

    fn lab() -> Lab {
        let folder = tempfile::tempdir().unwrap();
        let prefix = folder.path().join("env");
        let run = Run::begin(folder.path()).unwrap();
        Lab { folder, prefix, run }
    }

    impl Lab {
        fn staging(&self, standing: &Standing) -> Staging {
            Staging::prepare(&self.prefix, standing, &self.run, false).unwrap()
        }

        /// An environment at the prefix, with the work of somebody who came after it was published.
        fn changed(&self) -> State {
            let bin = self.prefix.join("bin");
            fs::create_dir_all(&bin).unwrap();
            fs::create_dir_all(&own_folder(&self.prefix)).unwrap();
            // Clocks of file systems may stand still for milliseconds.
            fs::set_file_mtime(&fs::open(&bin).unwrap(), 1, 0, &bin).unwrap();
            let store = (self.folder.path().to_owned(), 0);
            let state =
                State::of(&self.prefix, &self.prefix, Sha256::of(b""), store, &self.prefix, "").unwrap();
            state.write(&self.prefix).unwrap();
            fs::write_new(&bin.join("mine"), b"", 0o600).unwrap();
            state
        }
    }

    #[test]
    fn what_came_meanwhile_is_not_touched() {
        for standing in [Standing::Absent, Standing::Empty] {
            let lab = lab();
            let staging = lab.staging(&standing);
            fs::create_dir(&lab.prefix).unwrap();
            fs::write_new(&lab.prefix.join("mine"), b"", 0o600).unwrap();
            let fault = staging.publish(&standing).unwrap_err();
            assert!(matches!(fault, PrefixError::Foreign(_)), "{fault}");
            assert!(fs::exists(&lab.prefix.join("mine")));
        }
    }

    #[test]
    fn what_was_changed_meanwhile_is_kept() {
        let lab = lab();
        let standing = Standing::Ours(lab.changed());
        let staging = lab.staging(&standing);
        let kept = staging.publish(&standing).unwrap().expect("there is somebody's work");
        assert!(fs::exists(&kept.join("bin/mine")));
        assert!(!fs::exists(&lab.prefix.join("bin")));
        staging.withdraw(&standing, Some(&kept)).unwrap();
        assert!(fs::exists(&lab.prefix.join("bin/mine")));
    }

    #[test]
    fn names_that_no_file_can_say() {
        use std::os::unix::ffi::OsStrExt as _;
        let odd = Path::new(std::ffi::OsStr::from_bytes(b"/a\xff"));
        for prefix in [odd, Path::new("/a\nb"), Path::new("/a:b/c")] {
            assert!(check_name(prefix).is_err(), "{}", prefix.display());
        }
        assert!(check_name(Path::new("/a b/ü'$")).is_ok());
    }
}
