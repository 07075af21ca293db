//! What to do about a registry's refusal.

use reqwest::StatusCode;

/// What to do about an answer: waiting helps only where the registry itself is what is wrong.
pub(super) fn of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        404 => "check the name, and that the repository exists and this account may use it",
        405 | 501 => "this registry, or a proxy before it, does not do that: ask who runs it",
        407 => "the proxy wants a login: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
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
            "the registry sends this elsewhere without end: check its address, or ask who runs it"
        }
        _ => {
            "it will not change by itself: what the registry says names the cause; `envlock doctor` checks \
             the registry"
        }
    }
}

/// How a repository is made at a registry, in a sentence.
pub(super) fn creation(host: &str, repository: &str) -> String {
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
