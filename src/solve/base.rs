//! A base image against the wheels: one CUDA major, and no higher driver than the wheels need
//! without a word. NVIDIA's images state theirs in their environment.

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
    let wants = environment.get("NVIDIA_REQUIRE_CUDA").and_then(|text| required_line(text));
    let switched_off = environment
        .get("NVIDIA_DISABLE_REQUIRE")
        .is_some_and(|v| matches!(v.as_str(), "1" | "true"));
    let Some(floor) = wants.filter(|floor| *floor > wheels && !switched_off) else {
        return Ok(None);
    };
    let driver = wheels.min_driver().map_or_else(String::new, |d| format!(" (driver {d})"));
    Ok(Some(format!(
        "the base image {image} raises the driver floor: its NVIDIA_REQUIRE_CUDA wants a driver for CUDA {floor}, \
         the wheels only one for CUDA {wheels}{driver}; a plain base such as ubuntu:24.04 does not"
    )))
}

/// The `cuda>=13.1` in NVIDIA_REQUIRE_CUDA: alternatives are separated by spaces, the first is the
/// one that holds for every card.
fn required_line(text: &str) -> Option<CudaLine> {
    text.split_whitespace()
        .flat_map(|a| a.split(','))
        .find_map(|part| part.strip_prefix("cuda>=").and_then(|line| line.parse().ok()))
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

    #[test]
    fn a_base_that_wants_a_newer_driver_is_told() {
        let require = "cuda>=13.1 brand=unknown,driver>=535,driver<536 brand=tesla,driver>=535";
        let newer = [("CUDA_VERSION", "13.1.1"), ("NVIDIA_REQUIRE_CUDA", require)];
        let said = check_env(&newer, "cu130").unwrap().unwrap();
        assert!(said.contains("a driver for CUDA 13.1") && said.contains("(driver 580)"), "{said}");
        assert_eq!(check_env(&newer, "cu131"), Ok(None));
        let off = [newer[0], newer[1], ("NVIDIA_DISABLE_REQUIRE", "1")];
        assert_eq!(check_env(&off, "cu130"), Ok(None));
        assert_eq!(check_env(&newer[..1], "cu130"), Ok(None));
    }
}
