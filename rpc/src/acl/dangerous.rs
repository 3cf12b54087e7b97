//! What no wildcard opens, because whoever may call it may do anything.
//!
//! What is here does one of these on a real Erlang node, directly or by way of what it calls or tells others to call:
//!
//! - it runs programs, or code that the caller brings: `os:cmd`, `code`, `erl_eval`, `erlang:load_nif`;
//! - it calls another function that the rules do not see: `erlang:apply`, `rpc`, `timer:apply_after`, `gen_server`;
//! - it stops or reconfigures the node: `erlang:halt`, `init`, `application`;
//! - it reads or writes files, opens sockets or joins other nodes: `file`, `gen_tcp`, `net_kernel`;
//! - it fills a table that is never emptied: `erlang:list_to_atom`.
//!
//! The table is a net, not a wall: libraries that are installed beside OTP have doors of their own. Rules that name what is
//! needed are better than `*:*`.

use core::fmt;

use super::{Kind, Object, Subject};

/// Why something is dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Danger {
    /// It runs programs of the operating system, or changes what they see.
    System,
    /// It loads, compiles or evaluates code.
    Code,
    /// It calls other functions, which the rules do not see.
    Indirect,
    /// It stops or reconfigures the node, or processes that others rely on.
    Control,
    /// It reads or writes files.
    Files,
    /// It opens sockets, or connects to other nodes.
    Network,
    /// It fills memory that is never given back.
    Exhaustion,
    /// The process is anybody: there is no telling which by its pid.
    Anybody,
}

impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "runs programs of the operating system",
            Self::Code => "loads or evaluates code",
            Self::Indirect => "calls functions that no rule sees",
            Self::Control => "stops or changes the node",
            Self::Files => "reads or writes files",
            Self::Network => "opens connections",
            Self::Exhaustion => "fills memory that is never given back",
            Self::Anybody => "may be any process of the node",
        })
    }
}

impl Danger {
    /// What this subject does that no wildcard opens.
    #[must_use]
    pub fn of(subject: Subject<'_>) -> Option<Self> {
        match (subject.kind, subject.object) {
            (_, Object::Function { module, function, .. }) => {
                let row = DANGEROUS_FUNCTIONS.iter().find(|(_, of, functions)| {
                    in_module(of, module) && (functions.is_empty() || functions.contains(&function))
                });
                row.map(|(danger, _, _)| *danger)
            }
            // To see whether a process is there is no harm.
            (Kind::Monitor, _) => None,
            (_, Object::Pid) => Some(Self::Anybody),
            (_, Object::Name(name)) => {
                DANGEROUS_PROCESSES.iter().find(|(_, names)| names.contains(&name)).map(|(danger, _)| *danger)
            }
        }
    }
}

/// Whether a row is about this module: with a star at its end, about all that begin so.
fn in_module(row: &str, module: &str) -> bool {
    row.strip_suffix('*').map_or(row == module, |start| module.starts_with(start))
}

/// Functions by module, of any arity; a row without functions is about the whole module.
pub const DANGEROUS_FUNCTIONS: &[(Danger, &str, &[&str])] = &[
    // The operating system.
    (Danger::System, "os", &["cmd", "putenv", "unsetenv", "set_signal", "getenv", "env"]),
    (Danger::System, "erlang", &["open_port", "port_command", "port_control", "port_call", "port_connect"]),
    (Danger::System, "heart", &[]),
    // Code.
    (
        Danger::Code,
        "erlang",
        &["load_nif", "load_module", "prepare_loading", "finish_loading", "call_on_load_function"],
    ),
    (Danger::Code, "erlang", &["delete_module", "purge_module", "check_process_code", "finish_after_on_load"]),
    (Danger::Code, "code", &[]),
    (Danger::Code, "compile", &[]),
    (Danger::Code, "c", &[]),
    (Danger::Code, "shell*", &[]),
    (Danger::Code, "erl_eval", &[]),
    (Danger::Code, "eval_bits", &[]),
    (Danger::Code, "erl_ddll", &[]),
    (Danger::Code, "erl_prim_loader", &[]),
    (Danger::Code, "erts_*", &[]),
    (Danger::Code, "escript", &[]),
    (Danger::Code, "qlc*", &[]),
    (Danger::Code, "make", &[]),
    (Danger::Code, "yecc", &[]),
    (Danger::Code, "leex", &[]),
    (Danger::Code, "cover", &[]),
    (Danger::Code, "int", &[]),
    (Danger::Code, "dbg*", &[]),
    (Danger::Code, "ttb", &[]),
    (Danger::Code, "eunit*", &[]),
    (Danger::Code, "ct*", &[]),
    (Danger::Code, "crypto", &["engine_load", "engine_by_id", "ensure_engine_loaded"]),
    (Danger::Code, "Elixir.Code*", &[]),
    (Danger::Code, "Elixir.Mix*", &[]),
    (Danger::Code, "Elixir.IEx*", &[]),
    (Danger::Code, "Elixir.EEx*", &[]),
    (Danger::Code, "Elixir.Kernel.*", &[]),
    // Functions that call functions, or have others call them.
    (Danger::Indirect, "erlang", &["apply", "hibernate", "spawn", "spawn_link", "spawn_monitor", "spawn_opt"]),
    (Danger::Indirect, "erlang", &["spawn_request", "send", "!", "send_after", "start_timer", "send_nosuspend"]),
    (Danger::Indirect, "erlang", &["alias", "dist_ctrl_put_data", "binary_to_term"]),
    (Danger::Indirect, "rpc", &[]),
    (Danger::Indirect, "erpc", &[]),
    (Danger::Indirect, "gen", &[]),
    (Danger::Indirect, "gen_*", &[]),
    (Danger::Indirect, "proc_lib", &[]),
    (Danger::Indirect, "supervisor*", &[]),
    (Danger::Indirect, "sys", &[]),
    (Danger::Indirect, "pool", &[]),
    (Danger::Indirect, "peer", &[]),
    (Danger::Indirect, "slave", &[]),
    (Danger::Indirect, "group", &[]),
    (Danger::Indirect, "timer", &["apply_after", "apply_interval", "apply_repeatedly", "apply_once", "tc"]),
    (Danger::Indirect, "timer", &["send_after", "send_interval", "exit_after", "kill_after", "start"]),
    (Danger::Indirect, "prof*", &[]),
    (Danger::Indirect, "eprof", &[]),
    (Danger::Indirect, "fprof", &[]),
    (Danger::Indirect, "tprof", &[]),
    (Danger::Indirect, "Elixir.Kernel", &["apply", "spawn", "spawn_link", "spawn_monitor", "send", "exit"]),
    (Danger::Indirect, "Elixir.Task*", &[]),
    (Danger::Indirect, "Elixir.Agent*", &[]),
    (Danger::Indirect, "Elixir.GenServer", &[]),
    (Danger::Indirect, "Elixir.DynamicSupervisor", &[]),
    (Danger::Indirect, "Elixir.Supervisor*", &[]),
    (Danger::Indirect, "Elixir.Process", &[]),
    // The node, and processes that are not the caller's.
    (Danger::Control, "erlang", &["halt", "exit", "exit_signal", "group_leader", "process_flag", "suspend_process"]),
    (Danger::Control, "erlang", &["resume_process", "register", "unregister", "link", "unlink", "port_close"]),
    (Danger::Control, "erlang", &["system_flag", "system_monitor", "system_profile", "trace", "trace_pattern"]),
    (Danger::Control, "erlang", &["trace_delivered", "trace_info", "set_cookie", "get_cookie", "setnode"]),
    (Danger::Control, "init", &[]),
    (Danger::Control, "application*", &[]),
    (Danger::Control, "release_handler*", &[]),
    (Danger::Control, "systools*", &[]),
    (Danger::Control, "target_system", &[]),
    (Danger::Control, "trace", &[]),
    (Danger::Control, "logger*", &[]),
    (Danger::Control, "error_logger*", &[]),
    (Danger::Control, "persistent_term", &["put", "put_new", "erase"]),
    (Danger::Control, "mnesia*", &[]),
    (Danger::Control, "instrument", &[]),
    (Danger::Control, "user*", &[]),
    (Danger::Control, "auth", &[]),
    (Danger::Control, "Elixir.System", &[]),
    (Danger::Control, "Elixir.Application", &[]),
    (Danger::Control, "Elixir.Logger*", &[]),
    // Files.
    (Danger::Files, "file*", &[]),
    (Danger::Files, "prim_*", &[]),
    (Danger::Files, "ram_file", &[]),
    (Danger::Files, "erl_tar", &[]),
    (Danger::Files, "zip", &[]),
    (Danger::Files, "dets*", &[]),
    (Danger::Files, "disk_log*", &[]),
    (Danger::Files, "epp", &[]),
    (Danger::Files, "beam_lib", &[]),
    (Danger::Files, "wrap_log_reader", &[]),
    (Danger::Files, "ets", &["tab2file", "file2tab", "tabfile_info", "give_away", "setopts"]),
    (Danger::Files, "public_key", &["cacerts_load", "cacerts_clear"]),
    (Danger::Files, "Elixir.File*", &[]),
    (Danger::Files, "Elixir.Path", &["wildcard", "expand"]),
    (Danger::Files, "Elixir.Port", &[]),
    // The network, and other nodes.
    (Danger::Network, "erlang", &["disconnect_node", "monitor_node", "setnode", "dist_get_stat"]),
    (Danger::Network, "net*", &[]),
    (Danger::Network, "inet*", &[]),
    (Danger::Network, "socket*", &[]),
    (Danger::Network, "ssl*", &[]),
    (Danger::Network, "ssh*", &[]),
    (Danger::Network, "http*", &[]),
    (Danger::Network, "ftp", &[]),
    (Danger::Network, "tftp*", &[]),
    (Danger::Network, "global*", &[]),
    (Danger::Network, "erl_epmd", &[]),
    (Danger::Network, "erl_boot_server", &[]),
    (Danger::Network, "Elixir.Node", &[]),
    // The table of atoms is never emptied, and a node that fills it ends.
    (Danger::Exhaustion, "erlang", &["list_to_atom", "binary_to_atom"]),
    (Danger::Exhaustion, "Elixir.String", &["to_atom"]),
    (Danger::Exhaustion, "Elixir.List", &["to_atom"]),
];

/// Processes by their registered names, to which no wildcard opens a `send`: what they are told, they do.
pub const DANGEROUS_PROCESSES: &[(Danger, &[&str])] = &[
    (Danger::Indirect, &["rex", "timer_server", "erl_signal_server", "erts_code_purger", "standard_error_sup"]),
    (Danger::Code, &["code_server", "erl_prim_loader", "user_drv", "user", "standard_error", "socket_registry"]),
    (Danger::Control, &["init", "application_controller", "kernel_sup", "kernel_safe_sup", "kernel_refc", "logger"]),
    (Danger::Control, &["logger_sup", "logger_proxy", "logger_handler_watcher", "logger_std_h_default"]),
    (Danger::Control, &["error_logger", "release_handler", "sasl_sup", "heart", "auth", "stdlib_sup"]),
    (Danger::Files, &["file_server_2", "disk_log_server", "dets", "dets_sup"]),
    (Danger::Network, &["net_kernel", "net_sup", "global_name_server", "global_group", "erl_epmd", "inet_db"]),
    (Danger::Network, &["inet_gethost_native", "ssh_sup", "ssl_sup", "httpc_manager", "boot_server"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn call(module: &'static str, function: &'static str) -> Subject<'static> {
        Subject::new(Kind::Call, Object::Function { module, function, arity: 1 })
    }

    #[test]
    fn what_runs_programs_or_code_is_dangerous() {
        for (module, function, danger) in [
            ("os", "cmd", Danger::System),
            ("erlang", "open_port", Danger::System),
            ("erlang", "load_nif", Danger::Code),
            ("code", "load_binary", Danger::Code),
            ("erl_eval", "exprs", Danger::Code),
            ("erlang", "apply", Danger::Indirect),
            ("rpc", "call", Danger::Indirect),
            ("gen_server", "call", Danger::Indirect),
            ("erlang", "halt", Danger::Control),
            ("init", "stop", Danger::Control),
            ("file", "read_file", Danger::Files),
            ("filelib", "wildcard", Danger::Files),
            ("gen_tcp", "connect", Danger::Indirect),
            ("net_kernel", "connect_node", Danger::Network),
        ] {
            assert_eq!(Danger::of(call(module, function)), Some(danger), "{module}:{function}");
        }
        for (module, function) in [("lists", "seq"), ("erlang", "node"), ("os", "type"), ("timer", "sleep")] {
            assert_eq!(Danger::of(call(module, function)), None, "{module}:{function}");
        }
    }

    #[test]
    fn messages_to_those_who_obey_are_dangerous_and_watching_is_not() {
        let send = |object| Danger::of(Subject::new(Kind::Send, object));
        assert_eq!(send(Object::Name("rex")), Some(Danger::Indirect));
        assert_eq!(send(Object::Pid), Some(Danger::Anybody));
        assert_eq!(send(Object::Name("counter")), None);
        assert_eq!(Danger::of(Subject::new(Kind::Monitor, Object::Name("rex"))), None);
        assert_eq!(Danger::of(Subject::new(Kind::Monitor, Object::Pid)), None);
    }
}
