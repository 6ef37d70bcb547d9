//! Takes away what nothing needs: environments by last use, then what only they needed, then leftovers.
//!
//! An environment goes under the lock of its prefix and an exclusive one of its `use`, so nobody makes it or runs in
//! it. Artifacts go under the exclusive lock of the store, so no run is at work that has seen them; it is held while
//! they are renamed, not while they are removed. Environments that users put elsewhere stay.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::digest::Sha256;
use crate::error::Result;
use crate::fs;
use crate::prefix::own_folder;
use crate::store::Store;
use crate::store::flock::Flock;
use crate::store::residents::{Resident, last_use, refresh_notes};
use crate::store::run::Run;
use crate::store::tally::Tally;
use crate::store::unneeded::{self, Kept, Sort, Victim};
use crate::task::Task;

/// Runs that hold the store's lock are waited for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// What may stay.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Environments that were used within this span.
    pub keep: Duration,
    /// Bytes on disk; beyond them the environments that were not used for longest go, too.
    pub max_bytes: Option<u64>,
    /// Only tell what would go.
    pub dry_run: bool,
}

/// What went.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Each with its bytes; in a dry run as far as can be told beforehand.
    pub removed: Vec<Removed>,
    /// Environments that would have gone but are in use.
    pub in_use: Vec<PathBuf>,
    /// Runs are at work, so artifacts were left.
    pub busy: bool,
    /// Bytes on disk before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// One thing that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// Of which sort.
    pub sort: Sort,
    /// Its name in the store.
    pub name: String,
    /// `numpy 2.1.0`, of an artifact or what was made of one; else empty.
    pub package: String,
    /// On disk, shared with nothing that stays.
    pub bytes: u64,
}

/// Brings a store within its limits.
pub fn gc(store: &Store, limits: Limits, task: &Task) -> Result<Outcome> {
    let survey = Survey::of(store, limits, task)?;
    let now = SystemTime::now();
    let chosen = survey.choose(limits, now);
    let mut outcome =
        Outcome { removed: Vec::new(), in_use: Vec::new(), busy: false, before: survey.bytes, after: 0 };
    if limits.dry_run {
        survey.foretell(store, limits, now, &chosen, &mut outcome, task)?;
        return Ok(outcome);
    }
    task.will_do(chosen.len());
    let run = Run::begin(&store.folder("tmp"))?;
    let mut gone = Vec::new();
    for &at in &chosen {
        let resident = &survey.residents[at];
        if remove_env(store, resident, &run)? {
            outcome.removed.push(survey.removed(at));
            gone.push(resident.clone());
        } else {
            outcome.in_use.push(resident.prefix.clone());
        }
        task.did(1);
        task.check()?;
    }
    outcome.in_use.extend(survey.wanted_but_in_use(limits, now));
    outcome.busy = !remove_unneeded(store, limits, &gone, &run, &mut outcome.removed, task)?;
    outcome.removed.extend(unneeded::remove_leftovers(store, limits, now, task)?);
    empty(&run, task)?;
    drop(run);
    outcome.after = Tally::default().add(&store.folder(""), task)?;
    Ok(outcome)
}

/// What the store has, before anything goes.
struct Survey {
    residents: Vec<Resident>,
    /// Bytes of the store's own environments beyond those of artifacts.
    env_bytes: Vec<u64>,
    /// Bytes and the most links that a file has.
    artifacts: BTreeMap<Sha256, (u64, u64)>,
    bytes: u64,
}

impl Survey {
    fn of(store: &Store, limits: Limits, task: &Task) -> Result<Self> {
        let mut tally = Tally::default();
        let mut artifacts = BTreeMap::<Sha256, (u64, u64)>::new();
        let mut bytes = 0;
        let residents = store.residents()?;
        task.will_do(residents.len());
        for folder in ["artifacts", "bytecode"] {
            let paths = fs::read_dir(&store.folder(folder))?;
            task.will_do(paths.len());
            for path in paths {
                task.did(1);
                let size = tally.add(&path, task)?;
                bytes += size;
                let Some(sha256) = unneeded::key(&path) else { continue };
                let entry = artifacts.entry(sha256).or_default();
                entry.0 += size;
                if limits.max_bytes.is_some() {
                    entry.1 = entry.1.max(unneeded::most_links(&path.join("tree")));
                }
            }
        }
        let mut env_bytes = Vec::with_capacity(residents.len());
        for resident in &residents {
            task.did(1);
            env_bytes.push(if resident.own { tally.add(&resident.prefix, task)? } else { 0 });
        }
        bytes += env_bytes.iter().sum::<u64>() + tally.add(&store.folder(""), task)?;
        Ok(Self { residents, env_bytes, artifacts, bytes })
    }

    /// Positions of the environments that should go: those not used for too long, then the next ones until what
    /// stays is within the limit.
    fn choose(&self, limits: Limits, now: SystemTime) -> Vec<usize> {
        let mut own: Vec<usize> = (0..self.residents.len())
            .filter(|&at| self.residents[at].own && !self.residents[at].in_use)
            .collect();
        own.sort_by_key(|&at| self.residents[at].last_use);
        let mut count = own.iter().filter(|&&at| is_old(&self.residents[at], limits, now)).count();
        if let Some(most) = limits.max_bytes {
            while count < own.len() && self.bytes.saturating_sub(self.freed(&own[..count])) > most {
                count += 1;
            }
        }
        own.truncate(count);
        own
    }

    /// Bytes that go with these environments, and with the artifacts that nothing else has.
    fn freed(&self, chosen: &[usize]) -> u64 {
        let own: u64 = chosen.iter().map(|&at| self.env_bytes[at]).sum();
        let stays = |at: &usize| !chosen.contains(at);
        let kept = Kept::by((0..self.residents.len()).filter(stays).map(|at| &self.residents[at]));
        let gone: Vec<&Resident> = chosen.iter().map(|&at| &self.residents[at]).collect();
        let artifacts = self.artifacts.iter().filter(|(sha256, (_, links))| {
            let users = gone.iter().filter(|resident| resident.artifacts.contains(sha256)).count() as u64;
            !kept.artifacts.contains(sha256) && *links <= 1 + users
        });
        own + artifacts.map(|(_, (bytes, _))| bytes).sum::<u64>()
    }

    fn removed(&self, at: usize) -> Removed {
        let name = name_of(&self.residents[at].prefix);
        Removed { sort: Sort::Env, name, package: String::new(), bytes: self.env_bytes[at] }
    }

    fn wanted_but_in_use(&self, limits: Limits, now: SystemTime) -> Vec<PathBuf> {
        let wanted = self.residents.iter().filter(|it| it.own && it.in_use && is_old(it, limits, now));
        wanted.map(|resident| resident.prefix.clone()).collect()
    }

    /// What [`gc`] would do.
    fn foretell(
        &self,
        store: &Store,
        limits: Limits,
        now: SystemTime,
        chosen: &[usize],
        outcome: &mut Outcome,
        task: &Task,
    ) -> Result<()> {
        outcome.removed = chosen.iter().map(|&at| self.removed(at)).collect();
        outcome.in_use = self.wanted_but_in_use(limits, now);
        let (gone, stay): (Vec<_>, Vec<_>) =
            self.residents.iter().enumerate().partition(|(at, _)| chosen.contains(at));
        let gone: Vec<Resident> = gone.into_iter().map(|(_, resident)| resident.clone()).collect();
        let mut kept = Kept::by(stay.into_iter().map(|(_, resident)| resident));
        kept.add_absent(store)?;
        let search =
            unneeded::Search { store, limits, now, kept: &kept, gone: &gone, linked: true, sure: true };
        outcome.removed.extend(search.run(task)?.iter().map(Victim::removed));
        let freed: u64 = outcome.removed.iter().map(|removed| removed.bytes).sum();
        outcome.after = self.bytes.saturating_sub(freed);
        Ok(())
    }
}

fn is_old(resident: &Resident, limits: Limits, now: SystemTime) -> bool {
    now.duration_since(resident.last_use).is_ok_and(|since| since > limits.keep)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Takes one environment away; whether it went. One that was used since it was chosen stays.
fn remove_env(store: &Store, resident: &Resident, run: &Run) -> Result<bool> {
    let prefix = &resident.prefix;
    let Some(_turn) = Flock::try_exclusive(&store.prefix_flock(prefix))? else { return Ok(false) };
    let path = own_folder(prefix).join("use");
    let held = match fs::open(&path) {
        Ok(file) => match Flock::of_open(file, &path) {
            Some(lock) => Some(lock),
            None => return Ok(false),
        },
        Err(_) => None,
    };
    if last_use(prefix) != resident.last_use {
        return Ok(false);
    }
    let aside = run.folder().join(format!("env.{}", fs::unique()));
    fs::rename(prefix, &aside)?;
    drop(held);
    fs::remove_tree(&aside)?;
    Ok(true)
}

/// Removes what was renamed into the run's folder, one after another, so that it can be told how far it is.
fn empty(run: &Run, task: &Task) -> Result<()> {
    let paths = fs::read_dir(run.folder())?;
    task.will_do(paths.len());
    for path in paths {
        task.check()?;
        fs::remove_tree(&path).or_else(|_| fs::remove_file(&path))?;
        task.did(1);
    }
    Ok(())
}

/// What no environment needs any more; `false` if runs were at work all the time.
fn remove_unneeded(
    store: &Store,
    limits: Limits,
    gone: &[Resident],
    run: &Run,
    removed: &mut Vec<Removed>,
    task: &Task,
) -> Result<bool> {
    let Some(turn) = Flock::try_exclusive_within(&store.flock("store"), PATIENCE, task)? else {
        return Ok(false);
    };
    // Seen anew: nobody can make another one until the lock is given up.
    refresh_notes(store)?;
    let mut kept = Kept::by(&store.residents()?);
    kept.add_absent(store)?;
    let now = SystemTime::now();
    let sure = turn.is_real();
    let victims =
        unneeded::Search { store, limits, now, kept: &kept, gone, linked: false, sure }.run(task)?;
    for victim in &victims {
        fs::rename(&victim.path, &run.folder().join(format!("unneeded.{}", fs::unique())))?;
        removed.push(victim.removed());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resident(days: u64, own: bool, in_use: bool, artifacts: &[u8]) -> Resident {
        Resident {
            prefix: format!("{days}").into(),
            env_id: None,
            last_use: SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86400),
            in_use,
            own,
            artifacts: artifacts.iter().map(|&byte| Sha256([byte; 32])).collect(),
        }
    }

    #[test]
    fn the_longest_unused_go_until_what_stays_is_within_the_limit() {
        let residents = vec![
            resident(10, true, false, &[1]),
            resident(20, true, false, &[2]),
            resident(5, true, true, &[3]),
            resident(30, true, false, &[2, 4]),
            resident(1, false, false, &[1]),
        ];
        let links = [(1, 3), (2, 3), (3, 2), (4, 2)];
        let artifacts = links.iter().map(|&(byte, links)| (Sha256([byte; 32]), (100, links))).collect();
        let survey = Survey { residents, env_bytes: vec![10, 10, 10, 10, 0], artifacts, bytes: 440 };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(40 * 86400);
        let choose = |days: u64, max_bytes| {
            let keep = Duration::from_secs(days * 86400);
            survey.choose(Limits { keep, max_bytes, dry_run: false }, now)
        };
        assert_eq!(choose(100, None), [] as [usize; 0]);
        assert_eq!(choose(25, None), [0]);
        assert_eq!(choose(25, Some(430)), [0], "1 is linked elsewhere");
        assert_eq!(choose(25, Some(429)), [0, 1], "2 is needed by the next");
        assert_eq!(choose(100, Some(419)), [0, 1, 3]);
        assert_eq!(choose(100, Some(0)), [0, 1, 3], "what is in use or elsewhere stays");
    }
}
