//! Every kind of conflict as it is shown to the user.

use std::collections::BTreeMap;

use crate::exit::{Classified, Exit};
use crate::solve::fixture::{MapCatalog, environment, spec};
use crate::solve::solve;

const TORCH: &str = "
    torch 2.15.0+cu130: numpy
    torch 2.14.1+cu130: numpy
    torch 2.13.0+cu130: numpy
    torch 2.12.1+cu130: numpy
    torch 2.11.0+cu130: numpy
    pyg-lib 0.9.0+pt214cu130:
    pyg-lib 0.8.0+pt213cu130:
    pyg-lib 0.7.0+pt212cu130:
    torch-scatter 2.1.2+pt212cu130:
    torch-scatter 2.1.2+pt211cu130:
    torch-cluster 1.6.3+pt211cu130:
    numpy 2.4.0:";

/// `snapshot!(name, groups, catalog)` is a test of the whole message.
macro_rules! explained {
    ($name:ident, $groups:expr, $catalog:expr) => {
        #[test]
        fn $name() {
            let catalog = MapCatalog::new($catalog);
            let error =
                solve(&spec($groups), &environment(), &catalog, &BTreeMap::new()).unwrap_err();
            assert_eq!(error.exit(), Exit::Unsatisfiable);
            insta::with_settings!({ omit_expression => true }, {
                insta::assert_snapshot!(error.to_string());
            });
        }
    };
}

explained!(two_requirements_clash_directly, "g: a>=2; b", "a 2.0:\na 1.0:\nb 1.0: a<2");
explained!(
    two_requirements_clash_through_what_both_need,
    "g: a; b>=2",
    "a 1.0: c<2\nb 2.0: c>=2\nb 1.0:\nc 2.0:\nc 1.0:"
);
explained!(
    two_requirements_clash_at_the_end_of_long_chains,
    "g: a; x",
    "a 1.0: b\nb 1.0: c\nc 3.0: d>=2\nc 2.0: d>=2\nx 1.0: y\ny 1.0: d<2\nd 2.0:\nd 1.0:"
);
explained!(
    several_versions_need_several_things,
    "g: a; c>=9",
    "a 5.0: c<5\na 4.0: c<4\na 3.0: c<3\na 2.0: c<2\na 1.0: c<2\nc 9.0:\nc 1.0:"
);
explained!(a_version_that_does_not_exist, "g: a>=9", "a 2.0:\na 1.0:");
explained!(a_dependency_that_does_not_exist_in_that_version, "g: a", "a 1.0: b>=9\nb 2.0:");
explained!(
    an_sdist_is_never_chosen_and_the_newest_wheel_is_named,
    "g: a>=2",
    "a 2.0!sdist\na 1.0:"
);
explained!(a_project_of_sdists_only, "g: a", "b 1.0: a\na 2.0!sdist\na 1.0!sdist");
explained!(a_wheel_for_another_python, "g: a", "a 2.0!tags=cp312,cp313,cp313t\na 1.0!tags=cp312");
explained!(another_platform, "g: a>=2", "a 2.0!tags=win_amd64,macosx_14_0_arm64\na 1.0:");
explained!(a_version_that_wants_an_older_python, "g: a", "a 2.0!python=<3.14");
explained!(
    a_version_from_after_the_cut_off,
    "g: a>=2",
    "a 2.1!uploaded=2026-11-21\na 2.0!uploaded=2026-11-20\na 1.0:"
);
explained!(yanked_versions_only, "g: a>=2", "a 2.0!yanked:\na 1.0:");
explained!(a_pre_release_only, "g: a>1", "a 2.0rc1:\na 1.0:");
explained!(a_project_that_no_source_has, "g: nowhere", "a 1.0:");
explained!(a_dependency_that_no_source_has, "g: a", "a 1.0: nowhere>=1");
explained!(a_torch_that_is_too_new_for_pyg_lib, "torch: torch>=2.15\npyg: pyg-lib", TORCH);
explained!(
    a_torch_that_scatter_has_no_wheel_for,
    "torch: torch==2.14.*\npyg: pyg-lib; torch-scatter",
    TORCH
);
explained!(
    two_pyg_packages_without_a_common_torch,
    "torch: torch\npyg: pyg-lib; torch-cluster",
    TORCH
);
explained!(
    a_torch_of_another_cuda_line,
    "torch: torch>=2.15",
    "torch 2.15.1!cu132:\ntorch 2.15.0!cu132:\ntorch 2.14.1!cu130:"
);
explained!(
    another_cuda_major_with_the_path_that_brought_it_in,
    "ray: ray[all]",
    "ray 2.0: cupy-cuda12x if extra == 'all'\ncupy-cuda12x 13.0:"
);
explained!(
    a_cuda_12_library_deep_below_a_requirement,
    "ray: trainer",
    "trainer 2.0: kernels\ntrainer 1.0: kernels\nkernels 1.0: nvidia-cublas-cu12==12.8.4.1\nnvidia-cublas-cu12 12.8.4.1:"
);
explained!(
    an_extra_that_brings_a_conflict,
    "ray: ray\nmarimo: marimo[otel]",
    "ray 2.0: otel<1.40\nmarimo 1.0: otel>=1.41 if extra == 'otel'\notel 1.41:\notel 1.39:"
);
explained!(
    a_requirement_and_its_own_extra,
    "g: a; b",
    "a 2.0: c[x]>=2\nb 1.0: c<2\nc 2.0: y if extra == 'x'\nc 1.0:\ny 1.0:"
);
explained!(
    a_requirement_for_another_cuda_that_has_a_sibling_for_this_one,
    "g: cupy-cuda12x; numpy",
    "cupy-cuda12x 13.0:\ncupy-cuda13x 13.0: numpy\nnumpy 2.0:"
);
explained!(
    a_sibling_that_does_not_fit_is_no_advice,
    "g: cupy-cuda12x; numpy>=2",
    "cupy-cuda12x 13.0:\ncupy-cuda13x 13.0: numpy<2\nnumpy 2.0:\nnumpy 1.0:"
);
explained!(
    requirements_that_cannot_be_had_at_all_are_told_together,
    "g: fine; old; sdist>=2; nowhere; needy",
    "fine 1.0:\nold 3.0!tags=cp312\nsdist 2.0!sdist\nsdist 1.0:\nneedy 1.0: nowhere-else"
);
explained!(
    what_is_left_without_them_may_not_go_together_either,
    "g: old; a; b",
    "old 3.0!tags=cp312\na 1.0: c<2\nb 1.0: c>=2\nc 2.0:\nc 1.0:"
);
explained!(
    a_pre_release_that_would_do_is_a_hint,
    "g: torchgeo",
    "torchgeo 0.8: hydra-core>=1.3\nhydra-core 1.4.0.dev1: antlr>=4.11\nhydra-core 1.3.2: antlr==4.9.*\nantlr 4.13:\nantlr 4.9.3!sdist"
);
explained!(
    advice_that_does_not_help_is_not_given,
    "g: app",
    "app 1.0: outlines-core==0.1\noutlines-core 0.1!sdist\noutlines-core 0.2:"
);

#[test]
fn where_it_takes_too_long_to_know_whether_the_others_go_together_that_is_said() {
    let mut catalog = String::from("source 1.0!sdist\nlink5000 1:\n");
    (0..5000).for_each(|at| catalog += &format!("link{at} 1: link{}\n", at + 1));
    let (catalog, spec) = (MapCatalog::new(&catalog), spec("g: source; link0"));
    let error = solve(&spec, &environment(), &catalog, &BTreeMap::new()).unwrap_err().to_string();
    let advice = "leave it out: --without source; whether the others go together is not known";
    assert!(error.contains(advice), "{error}");
}
