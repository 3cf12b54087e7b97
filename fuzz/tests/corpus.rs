//! Every seed of every target, on stable Rust.

use std::fs;
use std::path::Path;

#[test]
fn the_corpora_replay_without_a_finding() {
    let mut replayed = 0;
    for target in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")).expect("corpus/") {
        let target = target.expect("a folder").path();
        let name = target.file_name().and_then(|name| name.to_str()).expect("a name");
        let run = fuzz::target(name).unwrap_or_else(|| panic!("no target is called {name}"));
        for seed in fs::read_dir(&target).expect("a folder") {
            let seed = seed.expect("a file").path();
            println!("{}", seed.display());
            run(&fs::read(&seed).expect("a file"));
            replayed += 1;
        }
    }
    assert!(replayed > 100, "{replayed}");
}
