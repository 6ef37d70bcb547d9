//! Which microarchitecture of x86-64 a processor is, by the names of archspec, which `__archspec` is told in.
//!
//! The names, and which instructions each needs, are those of archspec's `microarchitectures.json` (archspec.readthedocs.io);
//! instructions are called as Linux calls them in `/proc/cpuinfo`.

use std::collections::HashSet;
use std::path::Path;

use crate::fs;

const ANY: &str = "";
const INTEL: &str = "GenuineIntel";
const AMD: &str = "AuthenticAMD";

/// A microarchitecture: what it has beside what its parents have.
struct Row {
    name: &'static str,
    parents: &'static [&'static str],
    /// Empty for what any vendor's may be.
    vendor: &'static str,
    features: &'static str,
}

/// Parents before children.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row { name: "x86_64", parents: &[], vendor: ANY, features: "" },
    Row { name: "x86_64_v2", parents: &["x86_64"], vendor: ANY, features: "cx16 lahf_lm mmx popcnt sse sse2 sse4_1 sse4_2 ssse3" },
    Row { name: "x86_64_v3", parents: &["x86_64_v2"], vendor: ANY, features: "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave" },
    Row { name: "x86_64_v4", parents: &["x86_64_v3"], vendor: ANY, features: "avx512bw avx512cd avx512dq avx512f avx512vl" },
    Row { name: "nocona", parents: &["x86_64"], vendor: INTEL, features: "mmx sse sse2 pni" },
    Row { name: "core2", parents: &["nocona"], vendor: INTEL, features: "ssse3" },
    Row { name: "nehalem", parents: &["core2", "x86_64_v2"], vendor: INTEL, features: "" },
    Row { name: "westmere", parents: &["nehalem"], vendor: INTEL, features: "aes pclmulqdq" },
    Row { name: "sandybridge", parents: &["westmere"], vendor: INTEL, features: "avx" },
    Row { name: "ivybridge", parents: &["sandybridge"], vendor: INTEL, features: "f16c rdrand" },
    Row { name: "haswell", parents: &["ivybridge", "x86_64_v3"], vendor: INTEL, features: "" },
    Row { name: "broadwell", parents: &["haswell"], vendor: INTEL, features: "adx rdseed" },
    Row { name: "skylake", parents: &["broadwell"], vendor: INTEL, features: "clflushopt xsavec xsaveopt" },
    Row { name: "mic_knl", parents: &["broadwell"], vendor: INTEL, features: "avx512cd avx512er avx512f avx512pf" },
    Row { name: "skylake_avx512", parents: &["skylake", "x86_64_v4"], vendor: INTEL, features: "clwb" },
    Row { name: "cannonlake", parents: &["skylake", "x86_64_v4"], vendor: INTEL, features: "avx512ifma avx512vbmi sha_ni" },
    Row { name: "cascadelake", parents: &["skylake_avx512"], vendor: INTEL, features: "avx512_vnni" },
    Row { name: "icelake", parents: &["cascadelake", "cannonlake"], vendor: INTEL, features: "avx512_bitalg avx512_vbmi2 avx512_vpopcntdq gfni rdpid vaes vpclmulqdq" },
    Row { name: "sapphirerapids", parents: &["icelake"], vendor: INTEL, features: "amx_bf16 amx_int8 amx_tile avx512_bf16 cldemote movdir64b movdiri serialize waitpkg" },
    Row { name: "alderlake", parents: &["skylake"], vendor: INTEL, features: "avx_vnni clwb gfni movdir64b movdiri rdpid serialize sha_ni vaes vpclmulqdq waitpkg" },
    Row { name: "arrowlake", parents: &["alderlake"], vendor: INTEL, features: "avx_ifma avx_ne_convert avx_vnni_int8 cmpccxadd" },
    Row { name: "arrowlake_s", parents: &["arrowlake"], vendor: INTEL, features: "avx_vnni_int16 sha512 sm3 sm4" },
    Row { name: "k10", parents: &["x86_64"], vendor: AMD, features: "3dnow 3dnowext abm cx16 mmx sse sse2 sse4a" },
    Row { name: "bulldozer", parents: &["x86_64_v2"], vendor: AMD, features: "abm aes avx fma4 pclmulqdq sse4a xop xsave" },
    Row { name: "piledriver", parents: &["bulldozer"], vendor: AMD, features: "bmi1 f16c fma tbm" },
    Row { name: "steamroller", parents: &["piledriver"], vendor: AMD, features: "fsgsbase" },
    Row { name: "excavator", parents: &["steamroller", "x86_64_v3"], vendor: AMD, features: "" },
    Row { name: "zen", parents: &["x86_64_v3"], vendor: AMD, features: "aes clflushopt clzero fsgsbase pclmulqdq rdseed sse4a xsavec xsaveopt" },
    Row { name: "zen2", parents: &["zen"], vendor: AMD, features: "clwb" },
    Row { name: "zen3", parents: &["zen2"], vendor: AMD, features: "pku vaes vpclmulqdq" },
    Row { name: "zen4", parents: &["zen3", "x86_64_v4"], vendor: AMD, features: "avx512_bf16 avx512_bitalg avx512_vbmi2 avx512_vnni avx512_vpopcntdq avx512ifma avx512vbmi flush_l1d gfni" },
    Row { name: "zen5", parents: &["zen4"], vendor: AMD, features: "avx512_vp2intersect avx_vnni movdir64b movdiri tsc_adjust" },
    Row { name: "zen6", parents: &["zen5"], vendor: AMD, features: "avx512_fp16" },
];

/// A processor, as far as `__archspec` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microarchitecture {
    /// By archspec's name: `zen3`, `skylake_avx512`, `x86_64_v3`.
    pub name: String,
    /// Those whose programs run on it, too: `x86_64_v3`, `x86_64_v2`...
    pub ancestors: Vec<String>,
}

impl Microarchitecture {
    /// This machine's.
    #[must_use]
    pub fn here() -> Self {
        Self::of(&fs::read_to_string(Path::new("/proc/cpuinfo")).unwrap_or_default())
    }

    /// One by its name, whether it is known or not.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let ancestors = ancestors(name).into_iter().map(str::to_owned).collect();
        Self { name: name.to_owned(), ancestors }
    }

    /// The level that compilers and distributions count by: `x86_64_v3`.
    #[must_use]
    pub fn level(&self) -> Option<&str> {
        let all = std::iter::once(&self.name).chain(&self.ancestors).map(String::as_str);
        all.filter(|name| row(name).is_some_and(|row| row.vendor == ANY)).max()
    }

    /// The processor that `/proc/cpuinfo` describes: the youngest of its vendor that has no instruction more than it,
    /// among those above the best that any vendor's may be.
    fn of(text: &str) -> Self {
        let value = |key: &str| {
            let line =
                text.lines().find(|line| line.split(':').next().is_some_and(|word| word.trim() == key));
            line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
        };
        let (vendor, has) =
            (value("vendor_id"), value("flags").split_whitespace().collect::<HashSet<&str>>());
        let fits = |row: &&Row| {
            let needs = |row: &Row| row.features.split_whitespace().all(|feature| has.contains(feature));
            [ANY, vendor].contains(&row.vendor)
                && needs(row)
                && ancestors(row.name).iter().filter_map(|name| self::row(name)).all(needs)
        };
        let best =
            |rows: &mut dyn Iterator<Item = &'static Row>| rows.max_by_key(|row| ancestors(row.name).len());
        let generic = best(&mut TABLE.iter().filter(|row| row.vendor == ANY).filter(fits));
        let Some(generic) = generic else { return Self::named(std::env::consts::ARCH) };
        let above = |row: &&Row| ancestors(row.name).contains(&generic.name);
        let own = best(&mut TABLE.iter().filter(|row| row.vendor != ANY).filter(fits).filter(above));
        Self::named(own.unwrap_or(generic).name)
    }
}

fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

/// Each once, nearest first.
fn ancestors(name: &str) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = row(name).map_or_else(Vec::new, |row| row.parents.to_vec());
    let mut at = 0;
    while at < found.len() {
        let parents = row(found[at]).map_or(&[][..], |row| row.parents);
        let new: Vec<&str> = parents.iter().copied().filter(|parent| !found.contains(parent)).collect();
        found.extend(new);
        at += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `/proc/cpuinfo` says of a processor that has just what a microarchitecture needs.
    fn cpuinfo(name: &str, vendor: &str, without: &str) -> String {
        let names = std::iter::once(name).chain(ancestors(name));
        let features: Vec<&str> =
            names.flat_map(|name| row(name).unwrap().features.split_whitespace()).collect();
        let features: Vec<&str> = features.into_iter().filter(|feature| *feature != without).collect();
        format!(
            "processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {} extra\n\nprocessor\t: 1\n",
            features.join(" ")
        )
    }

    #[test]
    fn every_processor_is_known_by_its_instructions() {
        for row in TABLE {
            let found = Microarchitecture::of(&cpuinfo(row.name, row.vendor, ""));
            assert_eq!(found.name, row.name);
        }
        for (name, vendor, without, expected, level) in [
            ("zen3", "AuthenticAMD", "vaes", "zen2", Some("x86_64_v3")),
            ("zen3", "GenuineIntel", "", "x86_64_v3", Some("x86_64_v3")),
            ("zen4", "HygonGenuine", "", "x86_64_v4", Some("x86_64_v4")),
            ("skylake_avx512", "GenuineIntel", "clwb", "x86_64_v4", Some("x86_64_v4")),
            ("icelake", "GenuineIntel", "", "icelake", Some("x86_64_v4")),
        ] {
            let found = Microarchitecture::of(&cpuinfo(name, vendor, without));
            assert_eq!((found.name.as_str(), found.level()), (expected, level), "{name} {vendor} {without}");
        }
    }

    #[test]
    fn what_is_not_known() {
        let found = Microarchitecture::of("");
        assert_eq!((found.name.as_str(), found.level()), ("x86_64", Some("x86_64")));
        assert_eq!(Microarchitecture::named("m68k").level(), None);
    }
}
