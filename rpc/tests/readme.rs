//! What the README says about algorithms is what there is.
#![cfg(feature = "std")]

use ssh_proto::Algorithms;
use ssh_proto::crypto::Tier;
use ssh_proto::crypto::rustcrypto::PROVIDER;

/// The names of each list that `tier` adds, in order of preference.
fn added(tier: Tier) -> [Vec<&'static str>; 4] {
    let names = |tier: Tier| {
        let all = Algorithms::up_to(tier, &PROVIDER);
        [
            all.kex.iter().map(|method| method.name).collect::<Vec<_>>(),
            all.ciphers.iter().map(|method| method.name).collect(),
            all.macs.iter().map(|method| method.name).collect(),
            all.user_keys.iter().map(|method| method.name).collect(),
        ]
    };
    let below = match tier {
        Tier::Default => return names(tier),
        Tier::Compatible => names(Tier::Default),
        _ => names(Tier::Compatible),
    };
    let mut added = names(tier);
    for (names, below) in added.iter_mut().zip(&below) {
        names.retain(|name| !below.contains(name));
    }
    added
}

#[test]
fn the_table_of_algorithms_is_that_of_the_provider() {
    let tiers = [added(Tier::Default), added(Tier::Compatible), added(Tier::Legacy)];
    let mut table = "| | default | compatible | legacy |\n|---|---|---|---|\n".to_owned();
    for (at, kind) in ["key exchange", "ciphers", "MACs", "keys"].into_iter().enumerate() {
        let cell = |tier: &[Vec<&str>; 4]| {
            let names = tier.get(at).map(|names| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>());
            names.unwrap_or_default().join(", ")
        };
        let [default, compatible, legacy] = [cell(&tiers[0]), cell(&tiers[1]), cell(&tiers[2])];
        table += &format!("| {kind} | {default} | {compatible} | {legacy} |\n");
    }
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    assert!(readme.contains(&table), "the README has another table than this:\n\n{table}");
}
