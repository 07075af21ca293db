//! Compares a base image with the wheels: both need the same CUDA major, and a base that needs a newer driver than the
//! wheels gives a warning. NVIDIA's images state theirs in their environment.

use std::collections::BTreeMap;

use crate::cuda::{CudaLine, CudaTag};

/// What a base image's environment means for wheels of `target`: `Ok(None)` they agree, `Ok(Some)`
/// a warning. `Err`: they cannot work together, and what to do.
pub fn check(
    image: &str,
    environment: &BTreeMap<String, String>,
    target: CudaTag,
) -> Result<Option<String>, String> {
    let Some(wheels) = target.line() else { return Ok(None) };
    let Some(base) = environment.get("CUDA_VERSION").and_then(|v| v.parse::<CudaLine>().ok())
    else {
        return Ok(None);
    };
    if base.major != wheels.major {
        return Err(format!(
            "the base image {image} is CUDA {base}, and the wheels are {target} (CUDA {wheels}): take a base of CUDA {}, \
             a plain one such as ubuntu:24.04 (the wheels bring their own CUDA), or another target.cuda",
            wheels.major
        ));
    }
    let switched_off = environment
        .get("NVIDIA_DISABLE_REQUIRE")
        .is_some_and(|v| matches!(v.as_str(), "1" | "true"));
    let require = environment.get("NVIDIA_REQUIRE_CUDA").filter(|_| !switched_off);
    let refused = require.and_then(|text| refused_driver(text, wheels));
    Ok(refused.map(|driver| {
        format!(
            "the base image {image} raises the driver floor: its NVIDIA_REQUIRE_CUDA refuses driver {driver} of datacenter GPUs, \
             which runs the wheels (CUDA {wheels}); a plain base such as ubuntu:24.04 does not"
        )
    }))
}

/// The branches of datacenter drivers that NVIDIA maintains, and the CUDA version of each.
const DATACENTER: [(u32, CudaLine); 4] = [
    (535, CudaLine { major: 12, minor: 2 }),
    (550, CudaLine { major: 12, minor: 4 }),
    (570, CudaLine { major: 12, minor: 8 }),
    (580, CudaLine { major: 13, minor: 0 }),
];

/// The oldest datacenter driver that runs `wheels` and that NVIDIA_REQUIRE_CUDA refuses.
fn refused_driver(require: &str, wheels: CudaLine) -> Option<u32> {
    let need = wheels.min_driver()?;
    let runs = DATACENTER.iter().filter(|(driver, _)| *driver >= need);
    runs.copied().find(|driver| !admits(require, *driver)).map(|(driver, _)| driver)
}

/// Spaces separate alternatives, commas separate conditions that must all hold: `cuda>=13.1 brand=tesla,driver>=580,driver<581`.
fn admits(require: &str, driver: (u32, CudaLine)) -> bool {
    require.split_whitespace().any(|one| one.split(',').all(|part| holds(part, driver)))
}

fn holds(part: &str, (driver, cuda): (u32, CudaLine)) -> bool {
    let branch = |text: &str| text.split('.').next().and_then(|number| number.parse().ok());
    let value = |key: &str| part.strip_prefix(key);
    if let Some(line) = value("cuda>=") {
        return line.parse().is_ok_and(|line: CudaLine| cuda >= line);
    }
    if let Some(limit) = value("driver>=").and_then(branch) {
        return driver >= limit;
    }
    if let Some(limit) = value("driver<").and_then(branch) {
        return driver < limit;
    }
    value("brand=").is_some_and(|brand| brand == "tesla")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_env(pairs: &[(&str, &str)], target: &str) -> Result<Option<String>, String> {
        let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        check("cuda:x", &environment, target.parse().unwrap())
    }

    #[test]
    fn another_cuda_major_is_refused_and_a_plain_base_never() {
        let error = check_env(&[("CUDA_VERSION", "12.8.1")], "cu130").unwrap_err();
        assert!(
            error.contains("cuda:x is CUDA 12.8") && error.contains("base of CUDA 13"),
            "{error}"
        );
        assert_eq!(check_env(&[("CUDA_VERSION", "12.8.1")], "cpu"), Ok(None));
        assert_eq!(check_env(&[("PATH", "/bin")], "cu130"), Ok(None));
    }

    /// From nvidia/cuda:13.1.1: GeForce needs the driver of 13.1, other brands some older branches.
    const REQUIRE: &str = "cuda>=13.1 brand=unknown,driver>=535,driver<536 brand=tesla,driver>=535,driver<536 \
        brand=tesla,driver>=550,driver<551 brand=tesla,driver>=570,driver<571 brand=tesla,driver>=575,driver<576 \
        brand=grid,driver>=580,driver<581 brand=tesla,driver>=580,driver<581";

    #[test]
    fn a_base_that_admits_every_datacenter_driver_is_no_news() {
        let newer = [("CUDA_VERSION", "13.1.1"), ("NVIDIA_REQUIRE_CUDA", REQUIRE)];
        for target in ["cu130", "cu131", "cu132"] {
            assert_eq!(check_env(&newer, target), Ok(None), "{target}");
        }
        let older = [("CUDA_VERSION", "12.9.0"), ("NVIDIA_REQUIRE_CUDA", REQUIRE)];
        assert_eq!(check_env(&older, "cu126"), Ok(None));
    }

    #[test]
    fn a_base_that_wants_a_newer_driver_is_told() {
        let require =
            "cuda>=13.1 brand=grid,driver>=580,driver<581 brand=tesla,driver>=575,driver<576";
        let newer = [("CUDA_VERSION", "13.1.1"), ("NVIDIA_REQUIRE_CUDA", require)];
        let said = check_env(&newer, "cu130").unwrap().unwrap();
        assert!(said.contains("refuses driver 580 of datacenter GPUs"), "{said}");
        let off = [newer[0], newer[1], ("NVIDIA_DISABLE_REQUIRE", "1")];
        assert_eq!(check_env(&off, "cu130"), Ok(None));
        assert_eq!(check_env(&newer[..1], "cu130"), Ok(None));
    }
}
