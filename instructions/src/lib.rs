//! Benches whose instructions callgrind counts; `cargo xtask instructions` runs them (docs/performance.md).
//!
//! A bench prepares what it needs and gives its work to [`Count::times`]. Callgrind counts while [`counted`] is on the
//! stack, so that preparing costs nothing. Memory comes from the product's allocator.
//!
//! Without callgrind, as in `cargo bench`, each does its work and counts nothing.

use std::hint::black_box;
use std::process::ExitCode;

#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// A bench: its name, and what prepares and does it.
pub type Bench = (&'static str, fn(Count));

/// Takes the work of one bench.
#[derive(Debug)]
pub struct Count {
    is_asked: bool,
}

impl Count {
    /// Does the work once uncounted, which fills caches and pools, and then so many times counted. Who asked for this bench
    /// alone is told the number, to divide the count by.
    pub fn times<T>(self, rounds: u32, mut work: impl FnMut() -> T) {
        black_box(work());
        counted(&mut || {
            for _ in 0..rounds {
                black_box(work());
            }
        });
        if self.is_asked {
            println!("{rounds}");
        }
    }
}

/// What is counted: callgrind is told this name.
#[inline(never)]
pub fn counted(work: &mut dyn FnMut()) {
    work();
}

/// The `main` of a crate's benches. `--list` prints their names, `--exact NAME` does one; else all are done whose name
/// contains the first word of the command line.
#[must_use]
pub fn run(benches: &[Bench]) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| words.iter().any(|word| word == flag);
    if has("--list") {
        benches.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    let filter = words.iter().find(|word| !word.starts_with("--")).map_or("", String::as_str);
    let is_asked = has("--exact");
    let is_chosen = |name: &str| if is_asked { name == filter } else { name.contains(filter) };
    let chosen: Vec<&Bench> = benches.iter().filter(|(name, _)| is_chosen(name)).collect();
    if is_asked && chosen.is_empty() {
        eprintln!("there is no bench {filter:?}");
        return ExitCode::FAILURE;
    }
    for (_, bench) in chosen {
        bench(Count { is_asked });
    }
    ExitCode::SUCCESS
}
