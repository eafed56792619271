//! Every cell of the table, side by side; and as many deaths as anybody wants.

use std::{
    collections::BTreeMap,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use sockeye_testkit::Rng;

use crate::{
    cells::{self, Cell, Outcome},
    promised::promise,
    world::World,
};

/// How many relays die at a time: most of a cell is waiting.
const SIDE_BY_SIDE: usize = 6;

/// What came of all runs of a cell.
#[derive(Debug, Default)]
struct Row {
    runs: u64,
    deaths: u64,
    lost: u64,
    doubled: u64,
    faults: Vec<String>,
}

/// Each cell once.
#[test]
fn every_cell_keeps_its_promise() {
    let Some(world) = World::launch("relay-crash") else { return };
    // Of a lane one task is at work, so what may become of it is that one cell's.
    let cells = Cell::all(true);
    let runs = (0..).zip(&cells).map(|(seed, cell)| (*cell, seed)).collect();
    let rows = run_all(&world, runs);
    let faults: Vec<_> = rows.values().flat_map(|(_, row)| &row.faults).collect();
    assert!(faults.is_empty(), "{}\n{faults:#?}", table(&rows));
    let alive: Vec<_> =
        rows.values().filter(|(_, row)| row.deaths == 0).map(|(cell, _)| cell).collect();
    assert!(alive.is_empty(), "these did not die: {alive:#?}");
}

/// As many runs as the environment says, each of a cell that its seed draws.
#[test]
#[ignore = "takes as long as it is told to; `cargo xtask crash` runs it"]
fn long() {
    let number = |name, otherwise| {
        env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (count, first) = (number("SOCKEYE_CRASH_RUNS", 1000), number("SOCKEYE_CRASH_SEED", 1));
    let Some(world) = World::launch("relay-crash-long") else { return };
    let cells = [Cell::all(true), Cell::all(false)].concat();
    let draw = |seed| {
        let cell = Rng::new(seed ^ 0x5eed).below(cells.len() as u64);
        (cells[usize::try_from(cell).unwrap()], seed)
    };
    let rows = run_all(&world, (first..first + count).map(draw).collect());
    println!("{}", table(&rows));
    let faults: Vec<_> = rows.values().flat_map(|(_, row)| &row.faults).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Runs them side by side.
fn run_all(world: &World, runs: Vec<(Cell, u64)>) -> BTreeMap<String, (Cell, Row)> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(BTreeMap::<String, (Cell, Row)>::new());
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((cell, seed)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = catch_unwind(AssertUnwindSafe(|| cells::run(world, cell, *seed)));
                    let mut rows = rows.lock().unwrap();
                    let (_, row) =
                        rows.entry(cell.to_string()).or_insert_with(|| (*cell, Row::default()));
                    row.runs += 1;
                    match outcome {
                        Ok(Outcome { verdict, has_died }) => {
                            row.deaths += u64::from(has_died);
                            row.lost += verdict.lost;
                            row.doubled += verdict.doubled;
                            let faults = verdict.faults.iter();
                            row.faults
                                .extend(faults.map(|it| format!("{cell}, seed {seed}: {it}")));
                        }
                        Err(panic) => {
                            let text =
                                panic.downcast_ref::<String>().map_or("it panicked", |it| it);
                            row.faults.push(format!("{cell}, seed {seed}: {text}"));
                        }
                    }
                }
            });
        }
    });
    rows.into_inner().unwrap()
}

/// The table as people read it.
fn table(rows: &BTreeMap<String, (Cell, Row)>) -> String {
    let mut table = String::from(
        "| cell | runs | deaths | lost | doubled | promise |\n|---|--:|--:|--:|--:|---|\n",
    );
    for (name, (cell, row)) in rows {
        let promise = promise(cell).as_str();
        let Row { runs, deaths, lost, doubled, .. } = row;
        table += &format!("| {name} | {runs} | {deaths} | {lost} | {doubled} | {promise} |\n");
    }
    table
}
