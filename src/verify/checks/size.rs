//! Whether an image's size on a disk is within its limit.

use super::{Check, CheckName, Expected};

/// The sizes of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Bytes of its layers, as the engine unpacked them, or why they are not known.
    pub unpacked: Option<u64>,
    /// Bytes of its layers in the registry.
    pub compressed: u64,
    /// As the engine lists it. What that counts differs from engine to engine.
    pub listed: Option<String>,
}

/// Compares the unpacked size of the layers with `max-size`.
pub fn size(engine: &str, expected: &Expected, measured: &Measured) -> Check {
    let Some(unpacked) = measured.unpacked else {
        return Check::skipped(
            CheckName::Size,
            format!("{engine} does not say how big its layers are"),
        );
    };
    let gigabytes = |bytes: u64| format!("{:.2} GB", bytes as f64 / 1e9);
    let mut detail = gigabytes(unpacked);
    if let Some(most) = expected.max_size {
        detail += &match unpacked > most.bytes() {
            true => format!(" is more than max-size, {most}"),
            false => format!(" of {most}"),
        };
    }
    detail += &format!("; {} compressed", gigabytes(measured.compressed));
    if let Some(listed) = &measured.listed {
        detail += &format!("; `{engine} images` says {listed}");
    }
    let fits = expected.max_size.is_none_or(|most| unpacked <= most.bytes());
    Check::of(CheckName::Size, if fits { Ok(detail) } else { Err(detail) })
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::expected::tests::expected;
    use super::*;

    #[test]
    fn an_image_over_its_budget_fails_and_one_without_a_budget_is_only_told() {
        let mut requirements = expected(&[]);
        let measured = Measured {
            unpacked: Some(8_400_000_000),
            compressed: 3_000_000_000,
            listed: Some("11.4GB".to_owned()),
        };
        assert_eq!(size("docker", &requirements, &measured).result, Outcome::Ok);
        requirements.max_size = Some("8 GB".to_owned().try_into().unwrap());
        let check = size("docker", &requirements, &measured);
        assert_eq!(check.result, Outcome::Failed);
        assert_eq!(
            check.detail,
            "8.40 GB is more than max-size, 8 GB; 3.00 GB compressed; `docker images` says 11.4GB"
        );
        let small = Measured { unpacked: Some(8_000_000_000), ..measured };
        assert_eq!(size("docker", &requirements, &small).result, Outcome::Ok);
        let unknown = Measured { unpacked: None, ..small };
        assert_eq!(size("docker", &requirements, &unknown).result, Outcome::Skipped);
    }
}
