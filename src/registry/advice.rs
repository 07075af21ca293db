//! The registry client's errors as errors of this program: exit codes, and what to do.

use std::fmt::Display;
use std::ops::Deref;

use miette::Diagnostic;
use oci_registry::Error;
use reqwest::StatusCode;

use crate::exit::{Classified, Exit, Failure};

/// A registry that did not do what was asked, with advice.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Advised(#[from] pub Error);

impl Deref for Advised {
    type Target = Error;
    fn deref(&self) -> &Error {
        &self.0
    }
}

impl Diagnostic for Advised {
    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(advice(&self.0)))
    }
}

impl Classified for Advised {
    fn exit(&self) -> Exit {
        exit(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Advised(error).into()
    }
}

/// The exit code of a command that ends with this error.
pub fn exit(error: &Error) -> Exit {
    match error {
        Error::Unreachable { .. } => Exit::Network,
        Error::Integrity { .. } | Error::Changed { .. } => Exit::Integrity,
        Error::Blob { .. } => Exit::Failed,
        _ => Exit::Registry,
    }
}

fn advice(error: &Error) -> String {
    let fixed = match error {
        Error::Unreachable { host, .. } => {
            return format!(
                "check the network, the proxy settings (HTTPS_PROXY) and the certificates (SSL_CERT_FILE); a mirror can be \
                 named in envlock.toml: [registry] mirrors = {{ \"{host}\" = \"HOST\" }}"
            );
        }
        Error::Unauthorized { host, .. } => {
            return format!(
                "run `docker login {host}`, and check that the repository exists and this account may use it"
            );
        }
        Error::Credentials { host, .. } => {
            return format!("run `docker login {host}` again, or repair config.json in ~/.docker");
        }
        Error::NoRepository { host, repository, .. } => {
            let creation = creation(host, repository);
            return format!("create it first, and run the same command again: {creation}");
        }
        Error::Busy { .. } => {
            "run the same command again after that time, blobs that arrived are not sent again; `[network] patience` in \
             envlock.toml says how long a run waits in all"
        }
        Error::NotFound { .. } => "check the name and the tag; a retention job may have deleted it",
        Error::MissingBlob { .. } => "the image cannot be pulled any more; push it again",
        Error::Status { status, .. } => of(*status),
        Error::Integrity { .. } => {
            "do not use this image; push it again, or ask the operators of the registry or mirror"
        }
        Error::Malformed { .. } => "only OCI and Docker schema 2 images are understood",
        Error::NotKept { .. } => {
            "records = \"auto\" under [release] in envlock.toml makes releases without what the registry cannot store"
        }
        Error::SessionLost { .. } => {
            "run the same command again: blobs that arrived are not sent again. Where several registries stand behind \
             one address, each client must stay with one of them"
        }
        Error::Blob { .. } => "a file that it is made of is missing or incomplete; build again",
        Error::Changed { .. } => "nothing of it was published; run the same command again",
    };
    fixed.to_owned()
}

/// What to do about a status: waiting helps only where the registry itself has failed.
fn of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "check the name, and that the repository exists and this account may use it",
        405 | 501 => {
            "this registry, or a proxy in front of it, does not support that: ask its operators"
        }
        407 => "the proxy requires a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
        409 | 412 | 507 => {
            "what the registry says names its rule: a tag that may not be written again, or a quota that is used \
             up; free some, or ask who runs it"
        }
        413 => {
            "a proxy or the registry takes no requests of this size: raise its limit (nginx: \
             client_max_body_size)"
        }
        408 | 429 | 500 | 502.. => "try again later; `envlock doctor` checks the registry",
        300..400 => {
            "the registry redirects this without end: check its address, or ask its operators"
        }
        _ => {
            "it will not change by itself: what the registry says names the cause; `envlock doctor` checks \
             the registry"
        }
    }
}

/// How to create a repository at a registry, as a command.
fn creation(host: &str, repository: &str) -> String {
    let (project, _) = repository.split_once('/').unwrap_or((repository, ""));
    let labels: Vec<_> = host.split('.').collect();
    match *labels.as_slice() {
        [_, "dkr", "ecr", region, "amazonaws", ..] => {
            format!("`aws ecr create-repository --repository-name {repository} --region {region}`")
        }
        ["public", "ecr", "aws"] => {
            let name = repository.split_once('/').map_or(repository, |(_alias, name)| name);
            format!(
                "`aws ecr-public create-repository --repository-name {name} --region us-east-1`"
            )
        }
        [place, "pkg", "dev"] if let Some(location) = place.strip_suffix("-docker") => {
            let name = repository.split('/').nth(1).unwrap_or("NAME");
            format!(
                "`gcloud artifacts repositories create {name} --project {project} --location {location} \
                 --repository-format docker`"
            )
        }
        _ => format!(
            "in Harbor and GitLab the project `{project}`, in Artifactory and Nexus the repository of kind \
             Docker, elsewhere `{repository}` itself"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Retry;

    #[test]
    fn to_wait_is_advised_only_where_waiting_may_help() {
        let later: Vec<u16> = (300..600)
            .filter(|code| of(StatusCode::from_u16(*code).unwrap()).contains("later"))
            .collect();
        let is_passing = |code: &u16| Retry::is_passing(StatusCode::from_u16(*code).unwrap());
        let passing = (300..600).filter(is_passing);
        assert_eq!(later, passing.collect::<Vec<_>>());
    }

    #[test]
    fn a_repository_is_made_by_the_command_of_its_registry() {
        for (host, repository, command) in [
            (
                "1.dkr.ecr.eu-west-1.amazonaws.com",
                "team/ray",
                "`aws ecr create-repository --repository-name team/ray --region eu-west-1`",
            ),
            (
                "1.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "ray",
                "`aws ecr create-repository --repository-name ray --region cn-north-1`",
            ),
            (
                "public.ecr.aws",
                "a1b2/team/ray",
                "`aws ecr-public create-repository --repository-name team/ray --region us-east-1`",
            ),
            (
                "europe-docker.pkg.dev",
                "project/images/ray",
                "`gcloud artifacts repositories create images --project project --location europe \
                 --repository-format docker`",
            ),
            (
                "registry.example:5000",
                "team/ray",
                "in Harbor and GitLab the project `team`, in Artifactory and Nexus the repository of kind \
                 Docker, elsewhere `team/ray` itself",
            ),
        ] {
            assert_eq!(creation(host, repository), command);
        }
    }
}
