//! Runs the matrix, and writes it to `docs/interop.md`, `docs/interop.json` and the README: `cargo interop [FILTER]`. With a filter, or
//! when a peer is not installed, it only runs.

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use interop::publish::{in_brief, into_readme, to_json, to_markdown};
use interop::report::Report;

fn main() -> ExitCode {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::clone(&reports);
    let trials = interop::trials(move |report| done.lock().unwrap_or_else(PoisonError::into_inner).push(report));
    let conclusion = peers::conclude(trials);
    let complete = conclusion.num_filtered_out == 0 && conclusion.num_ignored == 0 && conclusion.num_passed > 0;
    if !complete {
        println!("not written: this is not all of it");
        return conclusion.exit_code();
    }
    match write(&mut reports.lock().unwrap_or_else(PoisonError::into_inner)) {
        Ok(()) => conclusion.exit_code(),
        Err(error) => {
            eprintln!("cannot write the matrix: {error}");
            ExitCode::FAILURE
        }
    }
}

/// In the order of the table, whichever ended first.
fn write(reports: &mut [Report]) -> io::Result<()> {
    reports.sort_by_key(interop::place);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let readme = docs.join("../README.md");
    let text = into_readme(&fs::read_to_string(&readme)?, &in_brief(reports));
    fs::write(readme, text.ok_or_else(|| io::Error::other("README.md has no place for it"))?)?;
    fs::write(docs.join("interop.md"), to_markdown(reports))?;
    fs::write(docs.join("interop.json"), format!("{:#}\n", to_json(reports)))?;
    println!("written: docs/interop.md, docs/interop.json, the README's table");
    Ok(())
}
