//! Every peer that is installed, in every role, over every algorithm that both have; and what an auditor says about us.

fn main() -> std::process::ExitCode {
    let mut trials = interop::trials(drop);
    trials.push(interop::audit());
    peers::run(trials)
}
