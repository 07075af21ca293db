//! Sizes as Docker reads them: `8gb`, `512m`, 1073741824.

use serde_json::Value;

/// Bytes. Units are powers of 1024, as everywhere in Docker; `None` for text that is not a size.
pub(super) fn bytes(value: &Value) -> Option<u64> {
    let text = match value {
        Value::Number(number) => return number.as_u64(),
        Value::String(text) => text,
        _ => return None,
    };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let power = match unit.strip_suffix("ib").or(unit.strip_suffix('b')).unwrap_or(&unit) {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        _ => return None,
    };
    let bytes = number.parse::<f64>().ok()? * 1024_f64.powi(power);
    // Beyond 2^53 a float is not exact; no machine has that much.
    (bytes.is_finite() && bytes < 9e15).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, expected) in [
            ("8gb", Some(8 << 30)),
            ("8G", Some(8 << 30)),
            ("1.5 GiB", Some(3 << 29)),
            ("512m", Some(512 << 20)),
            ("1024", Some(1024)),
            ("10b", Some(10)),
            ("2kb", Some(2048)),
            ("1t", Some(1 << 40)),
            ("gb", None),
            ("8 apples", None),
            ("1.2.3g", None),
            ("-1g", None),
            ("", None),
        ] {
            assert_eq!(bytes(&Value::from(text)), expected, "{text}");
        }
        assert_eq!(bytes(&Value::from(4096)), Some(4096));
        assert_eq!(bytes(&Value::from(true)), None);
    }
}
