//! Sizes in envlock.toml.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of bytes, written `8 GB` or `500 MB`: decimal, as registries count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ByteSize(u64);

/// Text that is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size such as 8 GB or 7.5 GB (GB, MB, kB; decimal)")]
pub struct BadSize(String);

impl ByteSize {
    const UNITS: [(&str, u32); 3] = [("GB", 9), ("MB", 6), ("kB", 3)];

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl TryFrom<String> for ByteSize {
    type Error = BadSize;
    fn try_from(text: String) -> Result<Self, BadSize> {
        let size = || {
            let unit = |&(unit, power): &(&str, u32)| Some((text.strip_suffix(unit)?, power));
            let (number, power) = ByteSize::UNITS.iter().find_map(unit)?;
            let (whole, fraction) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
            let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
            let scale = power.checked_sub(u32::try_from(fraction.len()).ok()?)?;
            let number = digits(whole) && digits(fraction) && !whole.is_empty();
            let number: u64 = number.then(|| format!("{whole}{fraction}").parse().ok())??;
            number.checked_mul(10_u64.checked_pow(scale)?).filter(|bytes| *bytes > 0)
        };
        size().map(ByteSize).ok_or_else(|| BadSize(text.clone()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, power): &&(&str, u32)| self.0 >= 10_u64.pow(*power);
        let (unit, power) = Self::UNITS.iter().find(fits).unwrap_or(&("kB", 3));
        let one = 10_u64.pow(*power);
        let fraction = format!("{:0width$}", self.0 % one, width = *power as usize);
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{} {unit}", self.0 / one),
            fraction => write!(f, "{}.{fraction} {unit}", self.0 / one),
        }
    }
}

impl From<ByteSize> for String {
    fn from(value: ByteSize) -> String {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal_and_come_back_as_written() {
        let size = |text: &str| ByteSize::try_from(text.to_owned());
        for (text, bytes) in [("8 GB", 8_000_000_000), ("7.5 GB", 7_500_000_000), ("1 kB", 1000)] {
            let size = size(text).unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, text));
        }
        assert_eq!(size("500MB").unwrap().to_string(), "500 MB");
        for text in
            ["", "8", "8 GiB", "GB", "-1 GB", "0 GB", "1e3 MB", "1.2.3 GB", "99999999999 GB"]
        {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
