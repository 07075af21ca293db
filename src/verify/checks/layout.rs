//! Whether an image can replace rayproject/ray: its user, and the ways to start commands in it.

use super::{Check, CheckName, Facts};

/// The user that the images run as.
const UID: u32 = 1000;

/// Runs as uid 1000, by its config (`configured`) and in fact, and may write to its home folder.
pub fn user(configured: &str, facts: &Facts) -> Check {
    let user = &facts.user;
    let said = if configured.is_empty() { "nobody" } else { configured };
    let name = if user.name.is_empty() { "no name" } else { &user.name };
    Check::of(
        CheckName::User,
        if user.uid != UID || user.gid != UID {
            Err(format!(
                "it runs as {}:{} ({name}), not as 1000:1000: its config names {said} as USER",
                user.uid, user.gid
            ))
        } else if !user.home_is_writable {
            Err(format!("{name} may not write to its home, {}", user.home))
        } else {
            Ok(format!("1000:1000 ({name}), at home in {}", user.home))
        },
    )
}

/// The ways in which templates and scripts for rayproject/ray start what is inside.
pub fn layout(facts: &Facts) -> Check {
    let layout = &facts.layout;
    let broken: Vec<String> =
        layout.broken.iter().map(|(way, why)| format!("{way}: {why}")).collect();
    Check::of(
        CheckName::Layout,
        match broken.is_empty() {
            true => Ok(layout.ways.join(", ")),
            false => Err(broken.join("; ")),
        },
    )
    .after(layout.seconds)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::contents::tests::facts;
    use super::*;

    #[test]
    fn a_root_user_is_told_with_what_the_config_says() {
        assert_eq!(user("ray", &facts()).result, Outcome::Ok);
        let mut found = facts();
        (found.user.uid, found.user.gid, found.user.name) = (0, 0, "root".to_owned());
        let check = user("", &found);
        assert_eq!(check.result, Outcome::Failed);
        assert_eq!(
            check.detail,
            "it runs as 0:0 (root), not as 1000:1000: its config names nobody as USER"
        );
        let mut found = facts();
        found.user.home_is_writable = false;
        assert_eq!(user("ray", &found).result, Outcome::Failed);
    }

    #[test]
    fn a_way_that_leads_nowhere_is_named() {
        assert_eq!(layout(&facts()).result, Outcome::Ok);
        let mut found = facts();
        found.layout.broken.push(("su - ray".to_owned(), "RuntimeError: ended with 1".to_owned()));
        let check = layout(&found);
        assert_eq!(check.result, Outcome::Failed);
        assert_eq!(check.detail, "su - ray: RuntimeError: ended with 1");
    }
}
