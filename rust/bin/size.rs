//! Bytes as people write them.

/// Powers of 1000 and of 1024.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// `20GB`, `1.5 TiB`, `4096`: a number of bytes.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)] // of a limit
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: give a number and kB, MB, GB, TB, KiB, MiB, GiB or TiB");
    let lower = text.trim().to_ascii_lowercase();
    let unit = UNITS.iter().find(|(name, _)| lower.ends_with(&name.to_ascii_lowercase()));
    let (number, factor) = unit.map_or((lower.as_str(), 1), |(name, factor)| {
        (lower[..lower.len() - name.len()].trim_end(), *factor)
    });
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(wrong());
    }
    match number.parse::<u64>() {
        Ok(whole) => whole.checked_mul(factor).ok_or_else(wrong),
        Err(_) => number.parse::<f64>().map(|number| (number * factor as f64) as u64).map_err(|_| wrong()),
    }
}

/// `1.5 GB`.
#[allow(clippy::cast_precision_loss)] // to one decimal
pub(crate) fn show(bytes: u64) -> String {
    let unit = UNITS[4..8].iter().rev().find(|(_, factor)| bytes >= *factor);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(name, factor)| format!("{:.1} {name}", bytes as f64 / *factor as f64),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let good = [
            ("0", 0),
            ("4096", 4096),
            ("12B", 12),
            ("20GB", 20_000_000_000),
            ("20 gb", 20_000_000_000),
            ("1.5TiB", 3 << 39),
            ("1kb", 1000),
            ("0.5MiB", 1 << 19),
        ];
        for (text, bytes) in good {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "1e9", "20XB", "1.2.3GB", "99999999999TB", "inf", "20 G"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!([show(999), show(1500), show(20_000_000_000)], ["999 B", "1.5 kB", "20.0 GB"]);
    }
}
