//! The command itself: gather, choose, write the lock, report what changed.

use pep508_rs::PackageName;

use super::check::{check, compare};
use super::choose::{Remarks, choose};
use super::earlier::kept;
use super::report::{Outcome, report};
use crate::cli::Resolve;
use crate::commands::{Context, driver};
use crate::exit::CommandResult;
use crate::lock;
use crate::spec::Overrides;

pub async fn run(args: Resolve, context: &Context) -> CommandResult {
    let overrides = Overrides {
        index: args.index.clone(),
        without: args.without.clone(),
        exclude_newer: args.exclude_newer,
    };
    let spec = overrides.apply(context.spec()?)?;
    let name = context.lock_name(args.lock.as_deref());
    if let Some(before) = &args.diff {
        return compare(before, &name, context);
    }
    let old = match context.read_lock(&name) {
        Ok((lock, _)) => Some(lock),
        Err(lock::Error::Missing { .. }) => None,
        Err(error) if args.check => return Err(error.into()),
        Err(error) => {
            context.ui.warn(format!("the present {name} is not used: {error}"));
            None
        }
    };
    if args.driver.is_some() {
        driver::ensure(args.driver.as_ref(), spec.target.cuda).await?;
    }
    if args.check {
        return check(&name, &spec, old, context);
    }
    if let (Some(old), true) = (&old, args.moves_nothing())
        && lock::stale(old, &spec).is_empty()
    {
        // The lock is for this spec: no request is needed.
        let outcome = Outcome::write(old, Some(old), &name, args.dry_run, context)?;
        return Ok(report(&args, &name, &spec, &outcome, &Remarks::default(), context));
    }
    // The images may run elsewhere: only a stated driver that is too old is an error.
    let driver =
        args.driver.is_none().then(|| tokio::spawn(driver::too_old(None, spec.target.cuda)));
    let mut kept = kept(old.as_ref(), args.upgraded().as_deref());
    kept.extend(spec.preferred().into_iter().map(|(name, p)| (name, p.version.version.clone())));
    let resolved = choose(&args, &spec, old.as_ref(), kept, context).await;
    if let Some(driver) = driver
        && let Ok(Some(why)) = driver.await
    {
        context.ui.warn(why);
    }
    let (lock, remarks) = resolved?;
    let may_change =
        |name: &PackageName| args.upgraded().is_some_and(|u| u.is_empty() || u.contains(name));
    if let Some(replaced) = old.as_ref().and_then(|o| lock::replaced(o, &lock, may_change)) {
        return Err(replaced.into());
    }
    for sentence in &remarks.held_back {
        context.ui.note(format!("held back: {sentence}"));
    }
    remarks.surprises.iter().for_each(|surprise| context.ui.warn(surprise));
    let outcome = Outcome::write(&lock, old.as_ref(), &name, args.dry_run, context)?;
    Ok(report(&args, &name, &spec, &outcome, &remarks, context))
}
