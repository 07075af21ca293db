//! This machine's NVIDIA driver, and whether it is new enough for a lock.

use std::time::Duration;

use camino::Utf8Path;

use crate::cuda::{CudaTag, DriverVersion};
use crate::exit::{Exit, Failure};

const PROC: &str = "/proc/driver/nvidia/version";
const SMI: &str = "nvidia-smi";
/// nvidia-smi hangs when the driver does; a build must not.
const PATIENCE: Duration = Duration::from_secs(10);

/// Fails when the driver that was stated with `--driver`, else this machine's, cannot run `cuda`.
/// Without a driver there is no check: images are built on machines without a GPU too.
pub async fn ensure(stated: Option<&DriverVersion>, cuda: CudaTag) -> Result<(), Failure> {
    too_old(stated, cuda)
        .await
        .map_or(Ok(()), |why| Err(Failure::message(Exit::Unsatisfiable, why)))
}

/// What is wrong with the driver, and what to do.
pub async fn too_old(stated: Option<&DriverVersion>, cuda: CudaTag) -> Option<String> {
    let (driver, place) = match stated {
        Some(driver) => (driver.clone(), "--driver".to_owned()),
        None => detect(Utf8Path::new(PROC), SMI).await?,
    };
    let need = cuda.too_old(&driver)?;
    let run = match stated {
        Some(_) => "",
        None => "; when the images run elsewhere, state that driver: --driver VERSION",
    };
    Some(format!(
        "{cuda} needs an NVIDIA driver {need} or newer, and this is {driver} ({place}): update the driver, \
                  or set target.cuda to a tag it can run{run}"
    ))
}

/// The driver's version and its source: the kernel module's own file, else nvidia-smi.
async fn detect(proc: &Utf8Path, smi: &str) -> Option<(DriverVersion, String)> {
    if let Ok(text) = fs_err::read_to_string(proc)
        && let Some(driver) = DriverVersion::of_kernel_module(&text)
    {
        return Some((driver, proc.to_string()));
    }
    let mut command = tokio::process::Command::new(smi);
    command.args(["--query-gpu=driver_version", "--format=csv,noheader"]).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    Some((text.lines().next()?.trim().parse().ok()?, SMI.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn the_kernel_module_is_asked_before_nvidia_smi() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let (proc, smi) = (folder.join("version"), folder.join("smi"));
        fs_err::write(
            &smi,
            "#!/bin/sh\n[ \"$1\" = --query-gpu=driver_version ] && echo 550.54.14\n",
        )
        .unwrap();
        fs_err::set_permissions(&smi, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = async |proc: &Utf8Path, smi: &Utf8Path| {
            detect(proc, smi.as_str()).await.map(|(driver, _)| driver.to_string())
        };
        assert_eq!(found(&proc, &smi).await.as_deref(), Some("550.54.14"));
        assert_eq!(found(&proc, &folder.join("none")).await, None);
        let text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.133.20  Release Build\nGCC version:  gcc 13.3.0\n";
        fs_err::write(&proc, text).unwrap();
        assert_eq!(found(&proc, &smi).await.as_deref(), Some("570.133.20"));
    }
}
