//! `envlock status`: what config.yaml runs now, and how that differs from the last release.

use camino::Utf8Path;
use futures_util::future::join_all;

use super::{Context, embedded};
use crate::cli;
use crate::config;
use crate::digest::Sha256;
use crate::exit::{CommandResult, Exit, Failure};
use crate::reference::{self, PinnedReference};
use crate::release::{self, History, State};
use crate::reports::{Image, LockState, Presence, Role, Status, Version};
use crate::spec::{ImageName, Spec};

impl std::fmt::Display for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Presence::There => f.write_str("in the registry"),
            Presence::Gone => f.write_str("NOT in the registry"),
            Presence::Unknown(reason) => write!(f, "registry: {reason}"),
        }
    }
}

pub async fn run(args: cli::Status, context: &Context) -> CommandResult {
    let spec = context.spec()?;
    let (_, history) = release::read_history(&context.folder)?;
    if let Some(torn) = &history.torn {
        let file = release::FILE_NAME;
        context.ui.warn(format!("line {} of {file} is cut off: {}", torn.line, torn.text));
    }
    let current = history.current()?;
    let roles = match release::config_files(&context.folder, &spec.config) {
        // Every release was made without a file, so none is missing.
        Err(error) if error.is_absence() && current.release > 0 && current.values.is_empty() => {
            vec![]
        }
        files => config::current(&files?, &spec.config)?,
    };
    let roles: Vec<_> = roles.into_iter().map(|r| compared(r, &history, &current)).collect();
    let lock_bytes = fs_err::read(context.path(context.lock_name(None))).ok();
    let mut report = Status {
        version: Version,
        release: current.release,
        lock: lock_state(lock_bytes.as_deref(), &current),
        images: unnamed(&roles, &current),
        roles,
    };
    if args.registry {
        ask(&mut report, &spec, context).await?;
    }
    context.result(&report, || render(&report, &spec.config.path, &context.lock_name(None)));
    Ok(Exit::Ok)
}

/// Asks for every image of the report in its registry.
async fn ask(report: &mut Status, spec: &Spec, context: &Context) -> Result<(), Failure> {
    let of_roles = report.roles.iter().filter_map(|role| role.value.clone());
    let of_record = report.images.iter().map(|unnamed| unnamed.image.to_string());
    let values: Vec<_> = of_roles.chain(of_record).collect();
    let hosts = values.iter().filter_map(|value| Some(value.split_once('/')?.0));
    let _serving = embedded::hold_for(context, hosts).await?;
    let check = context.registry(spec, false)?;
    let ask = async |value: String| {
        let answer = match reference::parse(&value) {
            Ok(image) => check.has(&image).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match answer {
            Ok(true) => Presence::There,
            Ok(false) => Presence::Gone,
            Err(reason) => Presence::Unknown(reason),
        }
    };
    let roles = report.roles.iter_mut().map(async |role| {
        if let Some(value) = &role.value {
            role.in_registry = Some(ask(value.clone()).await);
        }
    });
    let images = report.images.iter_mut().map(async |unnamed| {
        unnamed.in_registry = Some(ask(unnamed.image.to_string()).await);
    });
    tokio::join!(join_all(roles), join_all(images));
    Ok(())
}

/// The images that only the last release's record names. Where a role was changed by hand, its image is not one.
fn unnamed(roles: &[Role], current: &State) -> Vec<Image> {
    let is_named = |name: &ImageName, image: &PinnedReference| {
        let text = image.to_string();
        roles
            .iter()
            .any(|role| role.value.as_deref() == Some(&text) || role.image == *name && role.drift)
    };
    let images = current.images.iter().filter(|(name, image)| !is_named(name, image));
    let images = images.map(|(name, image)| (name.clone(), image.clone()));
    images.map(|(name, image)| Image { name, image, in_registry: None }).collect()
}

fn lock_state(bytes: Option<&[u8]>, current: &State) -> LockState {
    match (bytes.map(Sha256::of), current.lock) {
        (None, _) => LockState::Missing,
        (Some(_), None) => LockState::NotReleased,
        (Some(now), Some(released)) if now == released => LockState::Released,
        (Some(_), Some(_)) => LockState::Changed,
    }
}

fn compared(role: config::Role, history: &History, current: &State) -> Role {
    let release = history.records.iter().rev().find_map(|record| {
        let image = record.images.get(&role.image)?;
        let is_build = record.kind == release::Kind::Build;
        (is_build && role.value.as_deref() == Some(&image.to_string())).then_some(record.number)
    });
    let place = (role.file.clone(), role.path.clone());
    let left = current.values.get(&place);
    let drift =
        left.is_some_and(|left| left.as_ref().and_then(|s| s.as_str()) != role.value.as_deref());
    let builds = role.builds.into_iter().filter_map(|(path, on)| on.then_some(path)).collect();
    let config::Role { file, path, image, value, .. } = role;
    Role { file, path, image, value, release, drift, builds, in_registry: None }
}

fn render(report: &Status, main: &Utf8Path, lock: &Utf8Path) -> String {
    let mut text = String::new();
    for role in &report.roles {
        let value = role.value.as_deref().unwrap_or("(no image)");
        let mut notes = vec![match role.release {
            Some(number) => format!("{} of release {number}", role.image),
            None => format!("{}, of no release", role.image),
        }];
        if role.drift {
            notes.push("changed by hand".to_owned());
        }
        notes.extend(role.builds.iter().map(|path| match path.key() {
            "enabled" => format!("{path} is true"),
            _ => format!("{path} builds it too: `docker compose build` cannot name it by digest"),
        }));
        notes.extend(role.in_registry.as_ref().map(Presence::to_string));
        let place = match role.file == main {
            true => role.path.to_string(),
            false => format!("{} {}", role.file, role.path),
        };
        text += &format!("{place}\n  {value}\n  {}\n", notes.join("; "));
    }
    for Image { name, image, in_registry } in &report.images {
        let mut notes = vec![format!("of release {}, in no file", report.release)];
        notes.extend(in_registry.as_ref().map(Presence::to_string));
        text += &format!("{name}\n  {image}\n  {}\n", notes.join("; "));
    }
    let state = match report.lock {
        LockState::Missing => "there is none; run `envlock resolve`",
        LockState::NotReleased => "not released; run `envlock build --push`",
        LockState::Released => "the one that runs",
        LockState::Changed => "differs from the one that runs",
    };
    format!("{text}{lock}: {state}\n")
}
