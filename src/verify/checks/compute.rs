//! Whether what was locked can be imported, and computes.

use super::{Check, CheckName, Expected, Facts, MODULES, OfGpu, Outcome};
use crate::gpu::Arch;

/// Every module of [`MODULES`] that is locked was imported.
pub fn imports(expected: &Expected, facts: &Facts) -> Check {
    let requirements = expected.modules();
    if requirements.is_empty() {
        let names: Vec<_> = MODULES.iter().map(|(name, _)| *name).collect();
        return Check::new(
            CheckName::Imports,
            Outcome::NotLocked,
            format!("none of {} is in the image's lock", names.join(", ")),
        );
    }
    let found = &facts.imports.found;
    let mut wrong = Vec::new();
    for name in requirements {
        match found.iter().find(|import| import.name == name) {
            Some(import) => {
                wrong.extend(import.error.iter().map(|why| format!("{name}: {why}")));
            }
            None => wrong.push(format!("{name}: it was not reached")),
        }
    }
    let seconds = found.iter().map(|import| import.seconds).sum();
    let done = found.iter().map(|import| format!("{} {:.1} s", import.name, import.seconds));
    Check::of(
        CheckName::Imports,
        match wrong.is_empty() {
            true => Ok(done.collect::<Vec<_>>().join(", ")),
            false => Err(wrong.join("; ")),
        },
    )
    .after(seconds)
}

/// torch multiplies, and has the CUDA line and the architectures of the lock.
pub fn torch(expected: &Expected, facts: &Facts) -> Check {
    if !expected.has("torch") {
        return Check::not_locked(CheckName::Torch, "torch");
    }
    let Some(computed) = &facts.imports.torch else {
        return Check::of(CheckName::Torch, Err("nothing was computed".to_owned()));
    };
    let check = |found| Check::of(CheckName::Torch, found).after(computed.seconds);
    let Some(torch) = &computed.value else {
        return check(Err(why(computed.error.as_deref())));
    };
    let locked = expected.cuda_line.map(|line| line.to_string());
    let said = |line: &Option<String>| match line {
        Some(line) => format!("built for CUDA {line}"),
        None => "built without CUDA".to_owned(),
    };
    if torch.cuda != locked {
        return check(Err(format!("it is {}, the lock is {}", said(&torch.cuda), said(&locked))));
    }
    if torch.product != [[5.0, 14.0], [14.0, 50.0]] {
        return check(Err(format!("the product is wrong: {:?}", torch.product)));
    }
    let archs = archs(&torch.archs);
    if !expected.arch_list.is_empty() && archs != expected.arch_list {
        return check(Err(format!(
            "it has code for {}, the lock says {}",
            torch.archs.join(" "),
            words(&expected.arch_list)
        )));
    }
    check(Ok(format!("a product is right; {}", said(&torch.cuda))))
}

fn why(error: Option<&str>) -> String {
    error.unwrap_or("the result cannot be read").to_owned()
}

fn archs(words: &[String]) -> Vec<Arch> {
    words.iter().filter_map(|word| word.parse().ok()).collect()
}

fn words(archs: &[Arch]) -> String {
    archs.iter().map(Arch::to_string).collect::<Vec<_>>().join(" ")
}

/// torch has code for every GPU that the spec names.
pub fn arch_list(expected: &Expected, facts: &Facts) -> Check {
    let name = CheckName::ArchList;
    if !expected.has("torch") || expected.cuda_line.is_none() {
        return Check::not_locked(name, "torch for CUDA");
    }
    let found = facts.imports.torch.as_ref().and_then(|torch| torch.value.as_ref());
    let Some(torch) = found else {
        return Check::of(name, Err("torch does not say what it has code for".to_owned()));
    };
    let list = torch.archs.join(" ");
    if expected.gpus.is_empty() {
        return Check::skipped(
            name,
            format!("the spec names no GPUs (target.gpus); torch has {list}"),
        );
    }
    let archs = archs(&torch.archs);
    let uncovered = expected.gpus.iter().filter(|gpu| !archs.iter().any(|a| a.runs_on(**gpu)));
    let uncovered: Vec<String> = uncovered.map(|gpu| gpu.to_string()).collect();
    Check::of(
        name,
        match uncovered.is_empty() {
            true => Ok(list),
            false => {
                Err(format!("no code for {} of target.gpus: it has {list}", uncovered.join(", ")))
            }
        },
    )
}

/// A graph convolution gives numbers.
pub fn pyg(expected: &Expected, facts: &Facts) -> Check {
    let name = CheckName::Pyg;
    if !expected.has("torch-geometric") {
        return Check::not_locked(name, "torch-geometric");
    }
    let Some(computed) = &facts.imports.layer else {
        return Check::of(name, Err("nothing was computed".to_owned()));
    };
    let found = match &computed.value {
        None => Err(why(computed.error.as_deref())),
        Some(layer) if layer.shape == [3, 2] && layer.finite => {
            Ok("a graph convolution of 3 nodes".to_owned())
        }
        Some(layer) => Err(format!("a graph convolution gave {layer:?}")),
    };
    Check::of(name, found).after(computed.seconds)
}

/// Every GPU computed, and NCCL added up one from each.
pub fn gpus(found: &OfGpu) -> Check {
    let world = found.names.len();
    let right =
        world > 0 && found.sums.len() == world && found.sums.iter().all(|s| *s == world as f64);
    Check::of(
        CheckName::Gpu,
        match right {
            true => Ok(format!("{}: a product each, NCCL over {world}", found.names.join(", "))),
            false => Err(format!("NCCL over {world} GPUs gave {:?}", found.sums)),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::contents::tests::facts;
    use super::super::expected::tests::expected;
    use super::*;
    use Outcome::{Failed, NotLocked, Ok, Skipped};

    #[test]
    fn a_missing_library_is_named_and_a_module_that_was_not_reached_is_no_success() {
        let requirements = expected(&["torch 2"]);
        assert_eq!(imports(&requirements, &facts()).detail, "torch 2.0 s");
        let mut found = facts();
        found.imports.found[0].error = Some("ImportError: libcudart.so.13: cannot open".to_owned());
        let check = imports(&requirements, &found);
        assert_eq!(check.result, Failed);
        assert_eq!(check.detail, "torch: ImportError: libcudart.so.13: cannot open");
        found.imports.found.clear();
        assert_eq!(imports(&requirements, &found).result, Failed);
        assert_eq!(imports(&expected(&["numpy 2"]), &facts()).result, NotLocked);
    }

    #[test]
    fn torch_must_be_of_the_locked_line_and_multiply() {
        let mut requirements = expected(&["torch 2"]);
        assert_eq!(torch(&requirements, &facts()).result, Ok);
        requirements.cuda_line = Some("12.8".parse().unwrap());
        assert_eq!(
            torch(&requirements, &facts()).detail,
            "it is built for CUDA 13.0, the lock is built for CUDA 12.8"
        );
        requirements.cuda_line = None;
        assert_eq!(torch(&requirements, &facts()).result, Failed);
        let mut found = facts();
        found.imports.torch.as_mut().unwrap().value.as_mut().unwrap().product[0][0] = 4.0;
        assert_eq!(torch(&expected(&["torch 2"]), &found).result, Failed);
        let mut requirements = expected(&["torch 2"]);
        requirements.arch_list = vec!["sm_80".parse().unwrap()];
        assert_eq!(
            torch(&requirements, &facts()).detail,
            "it has code for sm_80 sm_90, the lock says sm_80"
        );
        found.imports.torch = None;
        assert_eq!(torch(&expected(&["torch 2"]), &found).result, Failed);
        assert_eq!(torch(&expected(&[]), &facts()).result, NotLocked);
    }

    #[test]
    fn every_gpu_of_the_spec_needs_code() {
        let mut requirements = expected(&["torch 2"]);
        assert_eq!(arch_list(&requirements, &facts()).result, Skipped);
        requirements.gpus = vec!["9.0".parse().unwrap(), "8.6".parse().unwrap()];
        assert_eq!(arch_list(&requirements, &facts()).result, Ok);
        requirements.gpus.push("12.0".parse().unwrap());
        let check = arch_list(&requirements, &facts());
        assert_eq!(check.result, Failed);
        assert_eq!(check.detail, "no code for 12.0 of target.gpus: it has sm_80 sm_90");
        requirements.cuda_line = None;
        assert_eq!(arch_list(&requirements, &facts()).result, NotLocked);
    }

    #[test]
    fn a_layer_must_give_finite_numbers() {
        let requirements = expected(&["torch-geometric 2"]);
        assert_eq!(pyg(&requirements, &facts()).result, Ok);
        let mut found = facts();
        found.imports.layer.as_mut().unwrap().value.as_mut().unwrap().finite = false;
        assert_eq!(pyg(&requirements, &found).result, Failed);
        let error = serde_json::json!({ "error": "OSError: x.so", "seconds": 0.0 });
        found.imports.layer = Some(serde_json::from_value(error).unwrap());
        assert_eq!(pyg(&requirements, &found).detail, "OSError: x.so");
        assert_eq!(pyg(&expected(&["torch 2"]), &facts()).result, NotLocked);
    }

    #[test]
    fn nccl_must_have_added_up_all_gpus() {
        let two = |sums: &[f64]| OfGpu { names: vec!["H200".to_owned(); 2], sums: sums.to_vec() };
        assert_eq!(gpus(&two(&[2.0, 2.0])).result, Ok);
        assert_eq!(gpus(&two(&[2.0, 1.0])).result, Failed);
        assert_eq!(gpus(&two(&[2.0])).result, Failed);
        assert_eq!(gpus(&OfGpu { names: vec![], sums: vec![] }).result, Failed);
    }
}
