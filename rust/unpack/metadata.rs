//! The headers of METADATA and WHEEL (core metadata and binary distribution specifications).

use crate::unpack::fault::WheelFault;

/// The text of a metadata file; a byte order mark is passed over.
pub(crate) fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, WheelFault> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fault = |_| WheelFault::Text { file: file.to_owned(), fault: String::from("not UTF-8") };
    std::str::from_utf8(bytes).map_err(fault)
}

/// The first header of this name, whatever its case. Old METADATA holds descriptions that are not UTF-8: bytes that
/// are none become U+FFFD, which no name or version has.
pub(crate) fn header(bytes: &[u8], field: &str) -> Option<String> {
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    let headers = text.lines().take_while(|line| !line.trim().is_empty());
    headers
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| name.eq_ignore_ascii_case(field).then(|| value.trim().to_owned()))
}

/// A header that must be there.
pub(crate) fn needed_header(bytes: &[u8], field: &str, file: &str) -> Result<String, WheelFault> {
    let fault = || WheelFault::Text { file: file.to_owned(), fault: format!("it has no {field}") };
    header(bytes, field).filter(|value| !value.is_empty()).ok_or_else(fault)
}

/// Checks `Wheel-Version`: the major version must be 1. True if its minor version is newer than any that is known.
pub(crate) fn check_wheel_version(version: &str) -> Result<bool, WheelFault> {
    let mut numbers = version.split('.').map(str::parse::<u64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(1)), minor) => Ok(minor.is_some_and(|minor| minor != Ok(0))),
        _ => Err(WheelFault::WheelVersion(version.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_end_at_the_empty_line() {
        let text = b"Metadata-Version: 2.1\r\nname:  A.b \r\n Version: 0\nVersion: 1\n\nSummary: no\n\xff";
        assert_eq!(header(text, "Name").as_deref(), Some("A.b"));
        assert_eq!(header(text, "Version").as_deref(), Some("1"));
        assert_eq!(header(text, "Summary"), None);
    }

    #[test]
    fn wheel_versions() {
        assert!(!check_wheel_version("1.0").unwrap());
        assert!(!check_wheel_version("1").unwrap());
        assert!(check_wheel_version("1.9").unwrap());
        assert!(check_wheel_version("2.0").is_err());
        assert!(check_wheel_version("").is_err());
    }
}
