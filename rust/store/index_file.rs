//! The binary form of an [`Index`]: read on every warm start, so there is nothing in it to parse.
//!
//! `FENVIDX2`, crc32 of the rest (little endian), then the fields in the order of [`Index`]; numbers are little
//! endian, a text is its length (u32) and its bytes. First come machine id and boot id: the index was written
//! in that boot, and what was never synced may have been lost with it.

use crate::digest::Sha256;
use crate::unpack::{Conda, EntryPoint, Index, IndexFile, Rewrite, Rewriting, SymbolicLink};

const MAGIC: &[u8; 8] = b"FENVIDX2";
const EXECUTABLE: u8 = 1;
const SHEBANG: u8 = 2;

/// An index and the boot in which it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// `<machine id> <boot id>`.
    pub boot: String,
    /// What the artifact holds.
    pub index: Index,
}

/// The bytes are no index: cut short, rotten, or of another version.
#[derive(Debug, thiserror::Error)]
#[error("not an index of this version, or damaged")]
pub struct Damaged;

/// The bytes of an index file.
#[must_use]
pub fn encode(stamped: &Stamped) -> Vec<u8> {
    let index = &stamped.index;
    let mut body = Vec::with_capacity(128 + 96 * index.files.len());
    for text in [&stamped.boot, &index.name, &index.version, &index.dist_info] {
        put_text(&mut body, text);
    }
    body.extend(index.files_digest.0);
    put_count(&mut body, index.dirs.len());
    index.dirs.iter().for_each(|dir| put_text(&mut body, dir));
    put_count(&mut body, index.files.len());
    for file in &index.files {
        body.extend(file.dir.to_le_bytes());
        body.push(u8::from(file.executable) * EXECUTABLE + u8::from(file.shebang) * SHEBANG);
        body.extend(file.size.to_le_bytes());
        body.extend(file.sha256.0);
        put_text(&mut body, &file.name);
    }
    put_count(&mut body, index.entry_points.len());
    for point in &index.entry_points {
        body.push(u8::from(point.gui));
        for text in [&point.name, &point.module, &point.attr] {
            put_text(&mut body, text);
        }
    }
    put_count(&mut body, index.warnings.len());
    index.warnings.iter().for_each(|text| put_text(&mut body, text));
    body.push(u8::from(index.conda.is_some()));
    if let Some(conda) = &index.conda {
        put_conda(&mut body, conda);
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend(libdeflater::crc32(&body).to_le_bytes());
    bytes.extend(body);
    bytes
}

fn put_conda(body: &mut Vec<u8>, conda: &Conda) {
    put_text(body, &conda.index_json);
    put_count(body, conda.times.len());
    conda.times.iter().for_each(|time| body.extend(time.to_le_bytes()));
    put_count(body, conda.links.len());
    for link in &conda.links {
        body.extend(link.dir.to_le_bytes());
        put_text(body, &link.name);
        put_text(body, &link.target);
        body.push(u8::from(link.sha256.is_some()));
        body.extend(link.sha256.iter().flat_map(|sha256| sha256.0));
        body.push(u8::from(link.size.is_some()));
        body.extend(link.size.iter().flat_map(|size| size.to_le_bytes()));
    }
    put_count(body, conda.placeholders.len());
    conda.placeholders.iter().for_each(|text| put_text(body, text));
    put_count(body, conda.rewrites.len());
    for rewrite in &conda.rewrites {
        body.extend(rewrite.file.to_le_bytes());
        body.push(rewrite.how as u8);
        body.extend(rewrite.placeholder.unwrap_or(u32::MAX).to_le_bytes());
    }
}

/// The reverse of [`encode`].
pub fn decode(bytes: &[u8]) -> Result<Stamped, Damaged> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(Damaged)?;
    let (crc, body) = rest.split_at_checked(4).ok_or(Damaged)?;
    if crc != libdeflater::crc32(body).to_le_bytes() {
        return Err(Damaged);
    }
    Cursor(body).stamped().ok_or(Damaged)
}

#[allow(clippy::cast_possible_truncation)] // an archive has fewer than 2^32 entries, and shorter names
fn put_count(body: &mut Vec<u8>, count: usize) {
    body.extend((count as u32).to_le_bytes());
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    put_count(body, text.len());
    body.extend(text.as_bytes());
}

/// What is still unread.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn stamped(&mut self) -> Option<Stamped> {
        let boot = self.text()?;
        let (name, version, dist_info) = (self.text()?, self.text()?, self.text()?);
        let files_digest = Sha256(self.array()?);
        let dirs = self.list(Self::text)?;
        let files = self.list(Self::file)?;
        let entry_points = self.list(Self::entry_point)?;
        let warnings = self.list(Self::text)?;
        let conda = if self.flag()? { Some(Box::new(self.conda(dirs.len(), files.len())?)) } else { None };
        if !self.0.is_empty() || files.iter().any(|file| file.dir as usize >= dirs.len()) {
            return None;
        }
        let index =
            Index { name, version, dist_info, dirs, files, entry_points, files_digest, warnings, conda };
        Some(Stamped { boot, index })
    }

    fn file(&mut self) -> Option<IndexFile> {
        let dir = u32::from_le_bytes(self.array()?);
        let [flags] = self.array()?;
        let size = u64::from_le_bytes(self.array()?);
        let sha256 = Sha256(self.array()?);
        let name = self.text()?;
        let (executable, shebang) = (flags & EXECUTABLE != 0, flags & SHEBANG != 0);
        Some(IndexFile { dir, name, size, sha256, executable, shebang })
    }

    fn entry_point(&mut self) -> Option<EntryPoint> {
        let [gui] = self.array()?;
        Some(EntryPoint { name: self.text()?, module: self.text()?, attr: self.text()?, gui: gui != 0 })
    }

    /// Of an index with so many directories and files.
    fn conda(&mut self, dirs: usize, files: usize) -> Option<Conda> {
        let index_json = self.text()?;
        let times = self.list(|it| it.array().map(i64::from_le_bytes))?;
        let links = self.list(Self::link)?;
        let placeholders = self.list(Self::text)?;
        let rewrites = self.list(Self::rewrite)?;
        let is_known = |at: Option<u32>| at.is_none_or(|at| (at as usize) < placeholders.len());
        let fits = times.len() == files
            && links.iter().all(|link| (link.dir as usize) < dirs)
            && rewrites.iter().all(|it| (it.file as usize) < files && is_known(it.placeholder));
        fits.then_some(Conda { index_json, times, links, placeholders, rewrites })
    }

    fn link(&mut self) -> Option<SymbolicLink> {
        let dir = u32::from_le_bytes(self.array()?);
        let (name, target) = (self.text()?, self.text()?);
        let sha256 = if self.flag()? { Some(Sha256(self.array()?)) } else { None };
        let size = if self.flag()? { Some(u64::from_le_bytes(self.array()?)) } else { None };
        Some(SymbolicLink { dir, name, target, sha256, size })
    }

    fn rewrite(&mut self) -> Option<Rewrite> {
        let file = u32::from_le_bytes(self.array()?);
        let [how] = self.array()?;
        let how =
            [Rewriting::Text, Rewriting::Binary, Rewriting::Copy].into_iter().find(|it| *it as u8 == how)?;
        let placeholder = Some(u32::from_le_bytes(self.array()?)).filter(|at| *at != u32::MAX);
        (placeholder.is_some() != (how == Rewriting::Copy)).then_some(Rewrite { file, placeholder, how })
    }

    /// Whether something stands there that may be left out.
    fn flag(&mut self) -> Option<bool> {
        match self.array()? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn list<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        let mut items = Vec::with_capacity(count.min(self.0.len()));
        for _ in 0..count {
            items.push(one(self)?);
        }
        Some(items)
    }

    fn count(&mut self) -> Option<usize> {
        self.array().map(u32::from_le_bytes).map(|count| count as usize)
    }

    fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Stamped {
        let file = |dir, name: &str, executable| IndexFile {
            dir,
            name: name.to_owned(),
            size: 1 << 40,
            sha256: Sha256::of(name.as_bytes()),
            executable,
            shebang: executable,
        };
        let point = EntryPoint { name: "run".into(), module: "a.b".into(), attr: "main".into(), gui: true };
        let index = Index {
            name: "Ünï".into(),
            version: "1.0".into(),
            dist_info: "uni-1.0.dist-info".into(),
            dirs: vec!["site".into(), "prefix/bin".into()],
            files: vec![file(0, "ß.py", false), file(1, "tool", true)],
            entry_points: vec![point],
            files_digest: Sha256::of(b""),
            warnings: vec!["odd".into()],
            conda: None,
        };
        Stamped { boot: "machine boot".into(), index }
    }

    fn conda_example() -> Stamped {
        let mut stamped = example();
        let link = SymbolicLink {
            dir: 1,
            name: "l".into(),
            target: "../x".into(),
            sha256: Some(Sha256::of(b"x")),
            size: None,
        };
        let rewrite = |file, placeholder, how| Rewrite { file, placeholder, how };
        stamped.index.conda = Some(Box::new(Conda {
            index_json: "{}".into(),
            times: vec![0, 1 << 33],
            links: vec![link],
            placeholders: vec!["/placeholder".into()],
            rewrites: vec![rewrite(0, Some(0), Rewriting::Binary), rewrite(1, None, Rewriting::Copy)],
        }));
        stamped
    }

    #[test]
    fn what_was_written_is_read() {
        for stamped in [example(), conda_example()] {
            assert_eq!(decode(&encode(&stamped)).unwrap(), stamped);
        }
    }

    #[test]
    fn positions_that_lead_nowhere_are_damage() {
        let spoil = |change: fn(&mut Conda)| {
            let mut stamped = conda_example();
            change(stamped.index.conda.as_mut().unwrap());
            assert!(decode(&encode(&stamped)).is_err());
        };
        spoil(|conda| conda.links[0].dir = 2);
        spoil(|conda| conda.rewrites[0].file = 2);
        spoil(|conda| conda.rewrites[0].placeholder = Some(1));
        spoil(|conda| conda.rewrites[1].how = Rewriting::Text);
        spoil(|conda| conda.times.truncate(1));
    }

    #[test]
    fn damage_anywhere_is_seen() {
        let good = encode(&conda_example());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(decode(&bad).is_err(), "flipped byte {at}");
            assert!(decode(&good[..at]).is_err(), "cut at {at}");
        }
        assert!(decode(&[&good[..], b"more"].concat()).is_err());
    }
}
