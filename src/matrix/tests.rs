//! A survey of a small catalog, which the renderers' tests draw too.

use std::collections::BTreeMap;

use super::*;
use crate::solve::fixture::{MapCatalog, environment, spec};
use crate::solve::solve;

const WORLD: &str = "
    torch 2.16.0!tags=cp315:
    torch 2.15.1!tags=cu132:
    torch 2.15.0!cu132:
    torch 2.14.1!cu130:
    torch 2.13.0!cu130:
    torch 2.12.1!cu130:
    torchvision 0.29.2!cu132: torch>=2.14.0
    torchvision 0.29.1!cu130: torch>=2.14.0
    torchvision 0.28.0!cu130: torch==2.13.0
    torchvision 0.27.1!cu130: torch==2.12.1
    pyg-lib 0.9.0+pt214cu130:
    pyg-lib 0.8.0+pt213cu130:
    pyg-lib 0.7.0+pt212cu130:
    pyg-lib 0.7.0+pt212cu128:
    torch-scatter 2.1.2+pt212cu130:
    ray 2.60.0:
    marimo 0.25.2:";

fn table(groups: &str) -> Table {
    let spec = spec(groups);
    let catalog = MapCatalog::new(WORLD);
    let outcome = solve(&spec, &environment(), &catalog, &BTreeMap::new());
    survey(&spec, "3.14.2".to_owned(), &environment(), &catalog, &outcome)
}

pub fn sample() -> Matrix {
    let table = table("torch: torch; torchvision\npyg: pyg-lib\nray: ray");
    Matrix { cuda: "cu130".parse().unwrap(), tables: vec![table] }
}

#[test]
fn the_row_that_resolve_takes_is_marked_and_newer_ones_say_why_not() {
    let table = table("torch: torch; torchvision\npyg: pyg-lib; torch-scatter");
    let taken: Vec<_> =
        table.rows.iter().filter(|r| r.taken).map(|r| r.torch.to_string()).collect();
    assert_eq!(taken, ["2.12.1"]);
    let why = |at: usize| table.rows[at].why_not.join("; ");
    assert_eq!(why(0), "it has no wheel for Python 3.14.2 here");
    assert_eq!(why(1), "it is built for cu132, not cu130");
    assert_eq!(why(2), why(1));
    assert_eq!(why(3), "no torch-scatter for it");
    assert_eq!(table.rows[3].cells[0], Cell::Has("0.29.1".parse().unwrap()));
    assert_eq!(table.rows[2].cells[0], Cell::Nothing, "it is of another CUDA");
    assert_eq!(table.rows[1].cells[1], Cell::Nothing);
}

#[test]
fn without_a_solution_the_table_stands_and_says_so() {
    let table = table("torch: torch>=2.15\npyg: pyg-lib");
    assert!(table.rows.iter().all(|r| !r.taken) && table.rows.len() == 6);
    assert!(table.unknown.unwrap().contains("resolve takes no row"));
}
