//! What a store holds, in numbers.

use crate::error::Result;
use crate::fs;
use crate::store::Store;
use crate::store::residents::Resident;
use crate::store::tally::Tally;
use crate::task::Task;

/// How many there are, and the bytes on disk that were not counted for an earlier sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// The store, each file counted once: for the first of these sorts that has it.
#[derive(Debug, Default)]
pub struct Info {
    /// Unpacked artifacts.
    pub artifacts: Sum,
    /// Byte code of artifacts.
    pub byte_code: Sum,
    /// Local artifacts as they came.
    pub archives: Sum,
    /// Environments in the store, with the bytes that they share with no artifact.
    pub envs: Sum,
    /// Downloads that a later run goes on with.
    pub parts: Sum,
    /// All of them, and what else is there.
    pub bytes: u64,
    /// The environments in the store, then those elsewhere that were made from it.
    pub residents: Vec<(Resident, u64)>,
}

impl Info {
    /// Counts; changes nothing.
    pub fn of(store: &Store, task: &Task) -> Result<Self> {
        let mut tally = Tally::default();
        let mut sum = |folder: &str| -> Result<Sum> {
            let entries = fs::read_dir(&store.folder(folder)).unwrap_or_default();
            let mut sum = Sum { count: entries.len() as u64, bytes: 0 };
            for path in &entries {
                sum.bytes += tally.add(path, task)?;
            }
            Ok(sum)
        };
        let (artifacts, byte_code, archives) = (sum("artifacts")?, sum("bytecode")?, sum("archives")?);
        let mut info = Self { artifacts, byte_code, archives, ..Self::default() };
        for resident in store.residents()? {
            let mut bytes = 0;
            if resident.own {
                bytes = tally.add(&resident.prefix, task)?;
                info.envs.count += 1;
                info.envs.bytes += bytes;
            }
            info.residents.push((resident, bytes));
        }
        for path in fs::read_dir(&store.folder("tmp")).unwrap_or_default() {
            if path.extension().is_some_and(|end| end == "part") {
                info.parts.count += 1;
                info.parts.bytes += tally.add(&path, task)?;
            }
        }
        info.bytes = artifacts.bytes + byte_code.bytes + archives.bytes + info.envs.bytes + info.parts.bytes;
        info.bytes += tally.add(&store.folder(""), task)?;
        Ok(info)
    }
}
