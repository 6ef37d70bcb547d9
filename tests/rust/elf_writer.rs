//! Small shared objects: a header, two program headers, a dynamic section and what that leads to.

use std::collections::HashMap;

const ADDRESS: u64 = 0x40_0000; // so that addresses are no offsets

/// What an object says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elf {
    pub(crate) soname: Option<&'static str>,
    pub(crate) needed: Vec<&'static str>,
    pub(crate) rpath: Option<&'static str>,
    pub(crate) runpath: Option<&'static str>,
    pub(crate) wanted: Vec<(&'static str, Vec<&'static str>)>,
    pub(crate) defined: Vec<&'static str>,
}

impl Elf {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut strings = Strings { bytes: vec![0], known: HashMap::new() };
        let mut dynamic: Vec<(u64, u64)> = Vec::new();
        let named = [(14, self.soname), (15, self.rpath), (29, self.runpath)];
        let needed = self.needed.iter().map(|name| (1, Some(*name)));
        for (tag, name) in needed.chain(named) {
            dynamic.extend(name.map(|name| (tag, u64::from(strings.at(name)))));
        }
        let (wanted, defined) = (self.wanted_table(&mut strings), self.defined_table(&mut strings));
        let count = dynamic.len() + 7;
        let begin = 64 + 2 * 56 + 16 * count as u64;
        let ends = [&strings.bytes, &wanted, &defined].map(|part| part.len() as u64);
        let places = [begin, begin + ends[0], begin + ends[0] + ends[1]].map(|at| ADDRESS + at);
        dynamic.extend([(5, places[0]), (10, ends[0])]);
        if !self.wanted.is_empty() {
            dynamic.extend([(0x6fff_fffe, places[1]), (0x6fff_ffff, self.wanted.len() as u64)]);
        }
        if !self.defined.is_empty() {
            dynamic.extend([(0x6fff_fffc, places[2]), (0x6fff_fffd, self.defined.len() as u64)]);
        }
        dynamic.resize(count, (0, 0));
        let mut bytes = head();
        let size = begin + ends.iter().sum::<u64>();
        for (kind, offset, size) in [(1_u64, 0, size), (2, 64 + 2 * 56, 16 * count as u64)] {
            bytes.extend([kind, offset, ADDRESS + offset, 0, size, size, 0].map(u64::to_le_bytes).concat());
        }
        bytes.extend(
            dynamic.iter().flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()].concat()),
        );
        [bytes, strings.bytes, wanted, defined].concat()
    }

    fn wanted_table(&self, strings: &mut Strings) -> Vec<u8> {
        let mut table = Vec::new();
        for (library, versions) in &self.wanted {
            let size = 16 + 16 * u32::try_from(versions.len()).unwrap();
            let count = u16::try_from(versions.len()).unwrap();
            table.extend([1, count].map(u16::to_le_bytes).concat());
            table.extend([strings.at(library), 16, size].map(u32::to_le_bytes).concat());
            for version in versions {
                table.extend([0, 0, strings.at(version), 16].map(u32::to_le_bytes).concat());
            }
        }
        table
    }

    fn defined_table(&self, strings: &mut Strings) -> Vec<u8> {
        let mut table = Vec::new();
        for version in &self.defined {
            table.extend([1, 0, 1, 1].map(u16::to_le_bytes).concat());
            table.extend([0, 20, 28, strings.at(version), 0].map(u32::to_le_bytes).concat());
        }
        table
    }
}

/// Of this processor's objects; the table of program headers follows at once.
fn head() -> Vec<u8> {
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend([3, machine].map(u16::to_le_bytes).concat());
    bytes.extend([1, 0, 0].map(u32::to_le_bytes).concat());
    bytes.extend([64, 0].map(u64::to_le_bytes).concat());
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend([64, 56, 2, 0, 0, 0].map(u16::to_le_bytes).concat());
    bytes
}

struct Strings {
    bytes: Vec<u8>,
    known: HashMap<String, u32>,
}

impl Strings {
    fn at(&mut self, name: &str) -> u32 {
        let next = u32::try_from(self.bytes.len()).unwrap();
        *self.known.entry(name.to_owned()).or_insert_with(|| {
            self.bytes.extend(name.bytes().chain([0]));
            next
        })
    }
}
