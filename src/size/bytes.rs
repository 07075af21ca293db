//! Bytes as text: in decimal units, as registries count.

/// `3,374.5 MB`
pub fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    format!("{}.{} MB", grouped(tenths / 10), tenths % 10)
}

/// `3.37 GB`, `102.1 MB`, `3.4 kB`: three digits or four, for labels.
pub(super) fn short(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..999_950 => tenths(bytes, 1000, "kB"),
        999_950..999_950_000 => tenths(bytes, 1_000_000, "MB"),
        _ => {
            let hundredths = bytes.saturating_add(5_000_000) / 10_000_000;
            format!("{}.{:02} GB", hundredths / 100, hundredths % 100)
        }
    }
}

/// `+1.2 MB`, `−0.3 MB`, `±0`.
pub(super) fn change(from: u64, to: u64) -> String {
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => "±0".to_owned(),
        std::cmp::Ordering::Greater => format!("+{}", short(to - from)),
        std::cmp::Ordering::Less => format!("−{}", short(from - to)),
    }
}

/// `12.3 %` of a whole; nothing of nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    let thousandths = u128::from(part) * 2000 / u128::from(whole.max(1));
    let thousandths = thousandths.div_ceil(2).min(1000);
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

fn tenths(bytes: u64, unit: u64, name: &str) -> String {
    let tenths = (bytes + unit / 20) / (unit / 10);
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

/// `3374` → `3,374`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_rounded_to_what_people_compare() {
        let shown: Vec<_> =
            [0, 999, 1000, 49_949, 999_949, 999_950, 102_149_999, 999_949_999, 3_374_451_031]
                .map(short)
                .into();
        let expected = [
            "0 B", "999 B", "1.0 kB", "49.9 kB", "999.9 kB", "1.0 MB", "102.1 MB", "999.9 MB",
            "3.37 GB",
        ];
        assert_eq!(shown, expected);
        assert_eq!(grouped(34_383), "34,383");
        assert_eq!(megabytes(3_374_451_031), "3,374.5 MB");
        assert_eq!(megabytes(1_234_567_800_000), "1,234,567.8 MB");
        assert_eq!([change(5, 5), change(0, 5), change(2_000, 0)], ["±0", "+5 B", "−2.0 kB"]);
    }

    #[test]
    fn a_share_is_of_a_thousand() {
        assert_eq!(
            [share(1, 3), share(2, 3), share(7, 7), share(0, 0)],
            ["33.3 %", "66.7 %", "100.0 %", "0.0 %"]
        );
    }
}
