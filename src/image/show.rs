//! The plan as text for people.

use std::fmt::Write as _;

use super::Plan;

/// The images with their layers and sizes, and the build arguments.
pub fn show(plan: &Plan) -> String {
    let mut text = format!("lock {} for {}\n", plan.lock_sha256, plan.platform);
    for image in &plan.images {
        let place = match &image.repository {
            Some(repository) => format!(" → {repository}"),
            None => String::new(),
        };
        let from = image.from.as_ref().map_or_else(|| image.base.to_string(), ToString::to_string);
        let _ = writeln!(text, "\nimage {}{place}\n  from {from}", image.name);
        for layer in &image.layers {
            let _ = writeln!(
                text,
                "  layer {:<10} {:>4} packages {:>12} wheels {:>12} unpacked",
                layer.group,
                layer.packages.len(),
                megabytes(layer.size),
                megabytes(layer.unpacked_size),
            );
        }
    }
    text += "\nbuild arguments\n";
    for (name, value) in &plan.args {
        let _ = writeln!(text, "  {name}={value}");
    }
    text
}

/// In decimal units, as registries count.
pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::super::planning::tests::sample_plan;
    use super::*;

    #[test]
    fn a_plan_shows_images_layers_sizes_and_arguments() {
        let mut plan = sample_plan(&[], Some("ghcr.io/team")).unwrap();
        plan.images[0].layers[1].size = 555_049_999;
        insta::assert_snapshot!(show(&plan));
    }
}
