//! Which folder holds the store: on a local disk, owned by this user, the same one each time.

use std::env;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::fs;
use crate::interpreter::NodeError;

/// Local disks as clusters name them, best first.
const LOCAL_DISKS: [&str; 7] =
    ["/local", "/local_scratch", "/localscratch", "/scratch/local", "/mnt/nvme", "/mnt/local", "/nvme"];

/// `f_type` of file systems on other machines (statfs(2), linux/magic.h), and FUSE, which may be one.
const NETWORK: [i64; 15] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x0bd0_0bd0, // Lustre
    0x4750_4653, // GPFS
    0x1983_0326, // BeeGFS
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x6b41_4653, // kAFS
    0x7375_7245, // Coda
    0x2003_0528, // OrangeFS
    0xaad7_aaea, // PanFS
    0x0102_1997, // 9P
    0x6573_5546, // FUSE
];

/// The roots in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Where new things go.
    pub writable: PathBuf,
    /// Looked into first to last, trusted as far as their owner is.
    pub read_only: Vec<PathBuf>,
}

impl Root {
    /// `explicit`, else `$FASTENV_ROOT` (a list separated by `:`), else the best local disk; the choice is
    /// remembered for this host and user.
    pub fn choose(explicit: Option<&Path>) -> Result<Self, NodeError> {
        let list = match explicit {
            Some(root) => vec![root.to_owned()],
            None => env::var_os("FASTENV_ROOT")
                .map(|list| env::split_paths(&list).filter(|p| !p.as_os_str().is_empty()).collect())
                .unwrap_or_default(),
        };
        let Some((first, others)) = list.split_first() else {
            return Ok(Self { writable: default_root()?, read_only: Vec::new() });
        };
        let writable = std::path::absolute(first).unwrap_or(first.clone());
        check_owner(&writable)?;
        let read_only = others.iter().filter(|root| is_trusted(root)).cloned().collect();
        Ok(Self { writable, read_only })
    }
}

/// A store belongs to one user: nobody adds files to another's, not even root.
fn check_owner(root: &Path) -> Result<(), NodeError> {
    let own = rustix::process::getuid().as_raw();
    for path in [root.to_owned(), root.join("v1")] {
        if let Some(owner) = fs::metadata(&path).ok().map(|meta| meta.uid()).filter(|owner| *owner != own) {
            return Err(NodeError::Owner { path, owner });
        }
    }
    Ok(())
}

/// Owned by root or this user, and writable by nobody else.
fn is_trusted(root: &Path) -> bool {
    let own = rustix::process::getuid().as_raw();
    fs::metadata(root).is_ok_and(|meta| [0, own].contains(&meta.uid()) && meta.mode() & 0o022 == 0)
}

fn default_root() -> Result<PathBuf, NodeError> {
    let memory = memory();
    let remembered = memory.as_deref().and_then(|file| fs::read_to_string(file).ok());
    let remembered = remembered.map(|text| PathBuf::from(text.trim_end()));
    if let Some(root) = remembered.filter(|root| claim(root).is_ok()) {
        return Ok(root);
    }
    let mut seen = Vec::new();
    for folder in candidates() {
        let root = folder.join(format!("fastenv-{}", rustix::process::getuid().as_raw()));
        match claim(&root) {
            Ok(()) => {
                remember(memory.as_deref(), &root);
                return Ok(root);
            }
            Err(why) => seen.push((root, why)),
        }
    }
    Err(NodeError::Root { seen })
}

/// Best first; folders of a job, which end with it, last.
fn candidates() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = LOCAL_DISKS.iter().map(PathBuf::from).collect();
    let home = env::var_os("HOME").map(PathBuf::from);
    folders.extend(env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home.map(|home| home.join(".cache"))));
    folders.push("/var/tmp".into());
    folders.extend(["SLURM_TMPDIR", "TMPDIR"].iter().filter_map(env::var_os).map(PathBuf::from));
    folders.push("/tmp".into());
    folders.retain(|folder| folder.is_absolute());
    folders
}

/// Whether a path is on a file system that other machines may have, too.
#[must_use]
pub fn is_on_network(path: &Path) -> bool {
    fs::file_system_type(path).is_ok_and(|number| NETWORK.contains(&number))
}

/// Makes the folder ours, 0700, or says why it can't be.
fn claim(root: &Path) -> Result<(), String> {
    let folder = root.parent().ok_or("is no folder")?;
    let makeable = folder.ends_with(".cache");
    if !(folder.is_dir() || makeable && fs::create_private_dir_all(folder).is_ok()) {
        return Err("is not there".to_owned());
    }
    if is_on_network(folder) {
        return Err("is on a network file system".to_owned());
    }
    match fs::create_private_dir(root) {
        Err(fault) if fault.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(fault.source.to_string());
        }
        _ => {}
    }
    let meta = fs::symlink_metadata(root).map_err(|fault| fault.source.to_string())?;
    if !meta.is_dir() || meta.uid() != rustix::process::getuid().as_raw() || meta.mode() & 0o022 != 0 {
        return Err("is there, but not a folder that only this user can write to".to_owned());
    }
    rustix::fs::access(root, rustix::fs::Access::WRITE_OK).map_err(|fault| fault.to_string())
}

/// The file that remembers this host's root: a home folder may be shared by many hosts.
fn memory() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state")))?;
    let host = rustix::system::uname().nodename().to_string_lossy().replace('/', "_");
    Some(state.join("fastenv").join(format!("root-{host}")))
}

/// A choice that can't be remembered is made again: no error.
fn remember(memory: Option<&Path>, root: &Path) {
    let Some(file) = memory else { return };
    if let Some(folder) = file.parent() {
        let _ = fs::create_private_dir_all(folder);
    }
    let _ = fs::write_atomic(file, format!("{}\n", root.display()).as_bytes(), 0o644);
}
