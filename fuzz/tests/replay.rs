//! Every file of the corpus, on an ordinary build.

#![allow(missing_docs, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use kefu_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn what_was_found_once_stays_mended() {
    for target in TARGETS {
        let files = files(&corpus().join(target.name));
        assert!(!files.is_empty(), "{} has no corpus", target.name);
        for file in files {
            let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            println!("{}", file.display());
            (target.run)(&bytes);
        }
    }
}

#[test]
fn the_corpus_is_of_these_targets_and_small() {
    let mut bytes = 0;
    for dir in files(&corpus()) {
        let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        assert!(kefu_fuzz::target(&name).is_some(), "no target {name}");
        bytes += files(&dir).iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum::<u64>();
    }
    assert!(bytes < 200 * 1024, "{bytes} bytes");
}
