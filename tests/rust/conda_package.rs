//! Conda packages made by hand: a tar writer that can lie about everything, and archives of both formats.

use std::io::Write as _;
use std::sync::Arc;

use fastenv::conda::{Expected, Unpacking};
use fastenv::digest::Sha256;
use fastenv::lock::Noarch;
use fastenv::task::Task;
use fastenv::unpack::{Index, UnpackError};

use crate::unpacked::{Lab, Memory};
use crate::zip_writer::{Part, Zip};

/// One member of a tar archive.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) header: [u8; 512],
    pub(crate) content: Vec<u8>,
    /// Whether the list of files has it.
    pub(crate) listed: bool,
    /// Whether its checksum is made right at the end.
    pub(crate) sum: bool,
}

impl Member {
    /// Of a type as tar knows it, honest.
    pub(crate) fn new(kind: u8, path: &str, content: &[u8]) -> Self {
        let mut header = [0; 512];
        let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, path);
        put(100, "0000644");
        put(108, "0000000");
        put(116, "0000000");
        put(124, &format!("{:011o}", content.len()));
        put(136, &format!("{:011o}", 1_500_000_000));
        put(257, "ustar");
        put(263, "00");
        header[156] = kind;
        let listed = !path.starts_with("info/") && matches!(kind, b'0'..=b'2');
        Self { header, content: content.to_vec(), listed, sum: true }
    }

    pub(crate) fn file(path: &str, content: &[u8]) -> Self {
        Self::new(b'0', path, content)
    }

    pub(crate) fn symlink(path: &str, target: &str) -> Self {
        Self::new(b'2', path, b"").with_link(target)
    }

    pub(crate) fn hardlink(path: &str, target: &str) -> Self {
        Self::new(b'1', path, b"").with_link(target)
    }

    /// A pax header for the member that follows.
    pub(crate) fn pax(records: &[(&str, &str)]) -> Self {
        let mut text = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let mut len = rest.len() + 1;
            while format!("{len}{rest}").len() != len {
                len += 1;
            }
            text = format!("{text}{len}{rest}");
        }
        Self::new(b'x', "PaxHeader", text.as_bytes())
    }

    pub(crate) fn with_link(self, target: &str) -> Self {
        self.with(157, target.as_bytes())
    }

    /// With these bytes in its header.
    pub(crate) fn with(mut self, at: usize, bytes: &[u8]) -> Self {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn unlisted(mut self) -> Self {
        self.listed = false;
        self
    }

    pub(crate) fn path(&self) -> String {
        let end = self.header.iter().position(|&byte| byte == 0).unwrap_or(100).min(100);
        String::from_utf8_lossy(&self.header[..end]).into_owned()
    }

    fn write(&self, to: &mut Vec<u8>) {
        let mut header = self.header;
        if self.sum {
            header[148..156].copy_from_slice(b"        ");
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        to.extend(header);
        to.extend(&self.content);
        to.resize(to.len().next_multiple_of(512), 0);
    }
}

/// A tar archive with its end.
pub(crate) fn tar(members: &[Member]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for member in members {
        member.write(&mut bytes);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

pub(crate) fn bzip2(content: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(content, 1).unwrap()
}

/// What the lock would say.
pub(crate) fn expected(file_name: &str) -> Expected {
    Expected {
        name: String::from("my-pkg"),
        version: String::from("1.0"),
        build: String::from("0"),
        file_name: file_name.to_owned(),
        noarch: None,
        site_packages: None,
    }
}

/// `info/index.json` and a true `info/paths.json`.
pub(crate) fn info(members: &[Member]) -> Vec<Member> {
    let row = |member: &Member| {
        let (path, content) = (member.path(), &member.content);
        match member.header[156] {
            b'2' => format!("{{\"_path\": {path:?}, \"path_type\": \"softlink\"}}"),
            b'1' => format!("{{\"_path\": {path:?}, \"path_type\": \"hardlink\"}}"),
            _ => {
                let (sha256, size) = (Sha256::of(content), content.len());
                format!(
                    "{{\"_path\": {path:?}, \"path_type\": \"hardlink\", \"sha256\": \"{sha256}\", \
                     \"size_in_bytes\": {size}}}"
                )
            }
        }
    };
    let rows: Vec<String> = members.iter().filter(|member| member.listed).map(row).collect();
    info_with(&format!("{{\"paths_version\": 1, \"paths\": [{}]}}", rows.join(", ")), None)
}

/// The same, with this `paths.json`.
pub(crate) fn info_with(paths: &str, noarch: Option<&str>) -> Vec<Member> {
    let noarch = noarch.map_or_else(String::new, |noarch| format!(", \"noarch\": {noarch}"));
    let index = format!(
        "{{\"name\": \"my-pkg\", \"version\": \"1.0\", \"build\": \"0\", \"build_number\": 0{noarch}}}"
    );
    vec![Member::file("info/index.json", index.as_bytes()), Member::file("info/paths.json", paths.as_bytes())]
}

/// A `.tar.bz2` of these members, with a true `info/`.
pub(crate) fn package(members: &[Member]) -> Vec<u8> {
    bzip2(&tar(&[members, &info(members)].concat()))
}

/// A `.conda` of the same.
pub(crate) fn conda(members: &[Member]) -> Zip {
    conda_of(&zstd(&tar(members)), &zstd(&tar(&info(members))))
}

/// A `.conda` of inner archives.
pub(crate) fn conda_of(files: &[u8], info: &[u8]) -> Zip {
    Zip::new(vec![
        Part::stored("metadata.json", b"{\"conda_pkg_format_version\": 2}"),
        Part::stored("pkg-my-pkg-1.0-0.tar.zst", files),
        Part::stored("info-my-pkg-1.0-0.tar.zst", info),
    ])
}

impl Lab {
    pub(crate) fn unpack_conda(&self, bytes: Vec<u8>, expected: Expected) -> Result<Index, UnpackError> {
        let unpacked = || {
            let unpacking = Unpacking::new(Arc::new(Memory(bytes)), self.tree(), expected)?;
            for at in 0..unpacking.planned().len() {
                unpacking.extract(at, &Task::default())?;
            }
            unpacking.finish()
        };
        let unpacked = unpacked();
        self.check_outside();
        unpacked
    }

    pub(crate) fn unpack_package(&self, members: &[Member]) -> Result<Index, UnpackError> {
        self.unpack_conda(package(members), expected("my-pkg-1.0-0.tar.bz2"))
    }

    pub(crate) fn unpack_noarch(&self, members: &[Member], noarch: Noarch) -> Result<Index, UnpackError> {
        let expected = Expected { noarch: Some(noarch), ..expected("my-pkg-1.0-0.tar.bz2") };
        self.unpack_conda(bzip2(&tar(members)), expected)
    }
}

/// Asserts that a package of these members is refused in both formats, by a message that names it, `subject` and `fault`.
pub(crate) fn refused(members: &[Member], subject: &str, fault: &str) {
    refused_bytes("my-pkg-1.0-0.tar.bz2", package(members), subject, fault);
    refused_bytes("my-pkg-1.0-0.conda", conda(members).bytes(), subject, fault);
}

/// The same of an archive's bytes.
pub(crate) fn refused_bytes(file_name: &str, bytes: Vec<u8>, subject: &str, fault: &str) {
    let message = match Lab::new().unpack_conda(bytes, expected(file_name)) {
        Ok(index) => panic!("not refused, but should be for {fault:?} in {subject:?}: {index:?}"),
        Err(fault) => fault.to_string(),
    };
    let told = message.starts_with(&format!("{file_name}: "));
    assert!(told && message.contains(subject) && message.contains(fault), "{subject}, {fault}: {message}");
}
