//! The `sshrpc` command.
fn main() {}
