//! How long to wait before asking again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::options::Options;

/// Doubles with every try, and varies by half either way so that many nodes do not come back at one moment.
pub(super) fn pause(options: &Options, tries: u32, asked: Option<Duration>) -> Duration {
    let doubled = options.first_pause.saturating_mul(1 << tries.saturating_sub(1).min(10));
    #[allow(clippy::cast_precision_loss)] // any number will do
    let random = RandomState::new().hash_one(tries) as f64 / u64::MAX as f64;
    let own = doubled.min(options.longest_pause).mul_f64(0.5 + random);
    own.max(asked.unwrap_or_default().min(options.longest_pause))
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
pub(super) fn parse_retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(parse_date(text)?.saturating_sub(now)))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the only form that servers may send.
fn parse_date(text: &str) -> Option<u64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok()?;
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = words.next()?;
    let month = months.iter().position(|month| *month == name)? as u64 + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Years that begin in March make the leap day the last of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    let since_1970 = days.checked_sub(719_469)?;
    Some(((since_1970 * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dates_and_seconds() {
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_date("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800));
        assert_eq!(parse_date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(parse_retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("soon"), None);
    }

    #[test]
    fn a_pause_obeys_the_server_within_limits() {
        let options = Options { longest_pause: Duration::from_secs(5), ..Options::default() };
        assert_eq!(pause(&options, 1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert!(pause(&options, 30, Some(Duration::from_secs(100))) <= Duration::from_millis(7500));
        assert!(pause(&options, 1, None) >= Duration::from_millis(125));
    }
}
