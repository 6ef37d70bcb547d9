//! A zip writer that can lie about everything, and wheels made with it.

use std::io::Write as _;

use fastenv::digest::Sha256;

/// The file name of [`wheel`].
pub(crate) const FILE_NAME: &str = "my_pkg-1.0-py3-none-any.whl";
const DIST_INFO: &str = "my_pkg-1.0.dist-info";

/// The numbers of an entry, as either header has them.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) signature: [u8; 4],
    pub(crate) host: u8,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) compressed: u32,
    pub(crate) size: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) extra: Vec<u8>,
    pub(crate) disk: u16,
    pub(crate) mode: u32,
    pub(crate) offset: u32,
}

type Lie<T> = Box<dyn Fn(&mut T)>;

/// One entry.
pub(crate) struct Part {
    pub(crate) header: Header,
    pub(crate) content: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// Between the data and what follows: a data descriptor, for one.
    pub(crate) after: Vec<u8>,
    local: Lie<Header>,
    central: Lie<Header>,
}

impl Part {
    /// A stored file, honest.
    pub(crate) fn stored(name: &str, content: &[u8]) -> Self {
        let header = Header {
            signature: *b"PK\x03\x04",
            host: 3,
            flags: if name.is_ascii() { 0 } else { 1 << 11 },
            method: 0,
            crc: libdeflater::crc32(content),
            compressed: short(content.len()),
            size: short(content.len()),
            name: name.into(),
            extra: Vec::new(),
            disk: 0,
            mode: 0o100_644,
            offset: 0,
        };
        let [content, data] = [content.to_vec(), content.to_vec()];
        Self { header, content, data, after: Vec::new(), local: Box::new(|_| {}), central: Box::new(|_| {}) }
    }

    /// A deflated file, honest.
    pub(crate) fn deflated(name: &str, content: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        let mut part = Self::stored(name, content);
        part.header.method = 8;
        part.with_data(encoder.finish().unwrap())
    }

    /// With these data, and `compressed` to suit.
    pub(crate) fn with_data(mut self, data: Vec<u8>) -> Self {
        self.header.compressed = short(data.len());
        self.data = data;
        self
    }

    pub(crate) fn with_mode(mut self, mode: u32) -> Self {
        self.header.mode = mode;
        self
    }

    pub(crate) fn with_extra(mut self, extra: &[u8]) -> Self {
        self.header.extra = extra.to_vec();
        self
    }

    pub(crate) fn with_after(mut self, after: &[u8]) -> Self {
        self.after = after.to_vec();
        self
    }

    /// With this in both headers.
    pub(crate) fn with(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.header);
        self
    }

    /// With this in the local header only.
    pub(crate) fn lie_locally(mut self, lie: impl Fn(&mut Header) + 'static) -> Self {
        self.local = Box::new(lie);
        self
    }

    /// With this in the central directory only.
    pub(crate) fn lie_centrally(mut self, lie: impl Fn(&mut Header) + 'static) -> Self {
        self.central = Box::new(lie);
        self
    }

    /// As a writer to a pipe does it: numbers after the data; of 12, 16, 20 or 24 bytes.
    pub(crate) fn with_descriptor(mut self, len: usize) -> Self {
        self.header.flags |= 1 << 3;
        let Header { crc, compressed, size, .. } = self.header;
        let mut after = if matches!(len, 16 | 24) { b"PK\x07\x08".to_vec() } else { Vec::new() };
        after.extend(crc.to_le_bytes());
        for number in [compressed, size] {
            let wide = u64::from(number).to_le_bytes();
            after.extend(&wide[..if len >= 20 { 8 } else { 4 }]);
        }
        assert_eq!(after.len(), len);
        let part = self.with_after(&after);
        part.lie_locally(|header| (header.crc, header.compressed, header.size) = (0, 0, 0))
    }

    /// With sizes in zip64 fields only.
    pub(crate) fn with_zip64(self) -> Self {
        let field = |numbers: &[u64]| {
            let data: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            [&[1, 0][..], &u16::try_from(data.len()).unwrap().to_le_bytes(), &data].concat()
        };
        let (size, compressed) = (u64::from(self.header.size), u64::from(self.header.compressed));
        let local = field(&[size, compressed]);
        let part = self.with(|header| (header.size, header.compressed) = (u32::MAX, u32::MAX));
        part.lie_locally(move |header| header.extra.clone_from(&local)).lie_centrally(move |header| {
            header.extra = field(&[size, compressed, u64::from(header.offset)]);
            header.offset = u32::MAX;
        })
    }
}

fn short(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

fn half(number: usize) -> u16 {
    u16::try_from(number).unwrap()
}

impl Header {
    fn numbers(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [self.flags, self.method, 0, 0x21] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [self.crc, self.compressed, self.size] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(half(self.name.len()).to_le_bytes());
        bytes.extend(half(self.extra.len()).to_le_bytes());
        bytes
    }

    fn write_local(&self, to: &mut Vec<u8>) {
        to.extend(self.signature);
        to.extend([20, 0]);
        to.extend(self.numbers());
        to.extend(&self.name);
        to.extend(&self.extra);
    }

    fn write_central(&self, to: &mut Vec<u8>) {
        to.extend(self.signature);
        to.extend([20, self.host, 20, 0]);
        to.extend(self.numbers());
        to.extend([0, 0]);
        to.extend(self.disk.to_le_bytes());
        to.extend([0, 0]);
        to.extend((self.mode << 16).to_le_bytes());
        to.extend(self.offset.to_le_bytes());
        to.extend(&self.name);
        to.extend(&self.extra);
    }
}

/// The numbers of the end records.
#[derive(Clone, Copy)]
pub(crate) struct End {
    pub(crate) disk: u16,
    pub(crate) here: u64,
    pub(crate) entries: u64,
    pub(crate) directory_len: u64,
    pub(crate) directory: u64,
    /// What the zip64 locator says, if there is to be one.
    pub(crate) record: u64,
    /// What the zip64 record says of its own length.
    pub(crate) record_len: u64,
}

/// A whole archive.
pub(crate) struct Zip {
    pub(crate) parts: Vec<Part>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) before_directory: Vec<u8>,
    pub(crate) before_end: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) trailing: Vec<u8>,
    pub(crate) zip64: bool,
    pub(crate) end: Lie<End>,
    /// Only of the short record, where there is a zip64 one.
    pub(crate) short_end: Lie<End>,
}

impl Zip {
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        Self {
            parts,
            prefix: Vec::new(),
            before_directory: Vec::new(),
            before_end: Vec::new(),
            comment: Vec::new(),
            trailing: Vec::new(),
            zip64: false,
            end: Box::new(|_| {}),
            short_end: Box::new(|_| {}),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (mut bytes, mut directory) = (self.prefix.clone(), Vec::new());
        for part in &self.parts {
            let mut central = part.header.clone();
            (central.signature, central.offset) = (*b"PK\x01\x02", short(bytes.len()));
            (part.central)(&mut central);
            central.write_central(&mut directory);
            let mut local = part.header.clone();
            (part.local)(&mut local);
            local.write_local(&mut bytes);
            bytes.extend(&part.data);
            bytes.extend(&part.after);
        }
        bytes.extend(&self.before_directory);
        let start = bytes.len();
        bytes.extend(&directory);
        self.write_end(&mut bytes, start, directory.len());
        bytes
    }

    fn write_end(&self, bytes: &mut Vec<u8>, start: usize, len: usize) {
        bytes.extend(&self.before_end);
        let entries = self.parts.len() as u64;
        let mut end = End {
            disk: 0,
            here: entries,
            entries,
            directory_len: len as u64,
            directory: start as u64,
            record: bytes.len() as u64,
            record_len: 44,
        };
        (self.end)(&mut end);
        if self.zip64 {
            write_zip64(&end, bytes);
            (end.here, end.entries) = (0xffff, 0xffff);
            (end.directory_len, end.directory) = (0xffff_ffff, 0xffff_ffff);
            (self.short_end)(&mut end);
        }
        bytes.extend(b"PK\x05\x06");
        for number in [u64::from(end.disk), u64::from(end.disk), end.here, end.entries] {
            bytes.extend(&number.to_le_bytes()[..2]);
        }
        for number in [end.directory_len, end.directory] {
            bytes.extend(&number.to_le_bytes()[..4]);
        }
        bytes.extend(half(self.comment.len()).to_le_bytes());
        bytes.extend(&self.comment);
        bytes.extend(&self.trailing);
    }
}

fn write_zip64(end: &End, bytes: &mut Vec<u8>) {
    bytes.extend(b"PK\x06\x06");
    bytes.extend(end.record_len.to_le_bytes());
    bytes.extend([45, 3, 45, 0]);
    bytes.extend([u32::from(end.disk).to_le_bytes(), u32::from(end.disk).to_le_bytes()].concat());
    for number in [end.here, end.entries, end.directory_len, end.directory] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(b"PK\x06\x07");
    bytes.extend(u32::from(end.disk).to_le_bytes());
    bytes.extend(end.record.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
}

/// A good wheel of `my-pkg 1.0` with these files beside its dist-info.
pub(crate) fn wheel(parts: Vec<Part>) -> Zip {
    wheel_with(parts, "Metadata-Version: 2.1\nName: My.Pkg\nVersion: 1.0\n", "Wheel-Version: 1.0\n")
}

/// The same, with other texts, and a true RECORD.
pub(crate) fn wheel_with(mut parts: Vec<Part>, metadata: &str, wheel: &str) -> Zip {
    for (name, text) in [("METADATA", metadata), ("WHEEL", wheel)] {
        parts.push(Part::deflated(&format!("{DIST_INFO}/{name}"), text.as_bytes()));
    }
    let record = record_of(&parts);
    parts.push(Part::deflated(&format!("{DIST_INFO}/RECORD"), record.as_bytes()));
    Zip::new(parts)
}

/// A true RECORD of files whose names are UTF-8.
pub(crate) fn record_of(parts: &[Part]) -> String {
    let mut record = String::new();
    for part in parts {
        let name = String::from_utf8_lossy(&part.header.name);
        if !name.ends_with('/') {
            let (hash, size) = (Sha256::of(&part.content).to_record(), part.content.len());
            let row = format!("\"{}\",sha256={hash},{size}\n", name.replace('"', "\"\""));
            record.push_str(&row);
        }
    }
    record + &format!("{DIST_INFO}/RECORD,,\n")
}
