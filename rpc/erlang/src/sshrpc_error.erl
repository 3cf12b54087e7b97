%% @private Why there is no connection, in words.
-module(sshrpc_error).

-export([format/1]).

-spec format(sshrpc:reason()) -> io_lib:chars().
format(timeout) ->
    "it took too long";
format(closed) ->
    "it was closed here";
format(no_subsystem) ->
    "there is an SSH server which has no subsystem sshrpc@k2r.org: it is no node";
format({closed, Why}) ->
    Why;
format({network, Posix}) ->
    inet:format_error(Posix);
format({ssh, "Illegal user name"}) ->
    "the environment does not say who runs Erlang: name the user, \"alice@host\" or {user, \"alice\"}";
format({ssh, Text}) ->
    case string:find(Text, "authenticat") of
        nomatch -> Text;
        _ -> [Text, ": the node has to have a public key of ours in its authorized_keys"]
    end;
format({host_key, {unknown, Fingerprint, File}}) ->
    io_lib:format(
        "the host is not known: its key is ~ts, and ~ts has none. Compare it with what the node says when it starts; "
        "then {host_key, {fingerprint, \"~ts\"}} accepts this one, and {host_key, accept_new} whichever comes first",
        [Fingerprint, File, Fingerprint]
    );
format({host_key, {changed, Fingerprint, File}}) ->
    io_lib:format(
        "the host has shown another key than the one in ~ts: ~ts. Either it was set up anew, or somebody is in between",
        [File, Fingerprint]
    );
format({host_key, {revoked, Fingerprint, File}}) ->
    io_lib:format("the host has shown the key ~ts, which is revoked in ~ts", [Fingerprint, File]);
format({host_key, {{other_than, Expected}, Fingerprint, _File}}) ->
    io_lib:format("the host has shown the key ~ts, and was to have ~ts", [Fingerprint, Expected]);
format({no_program, Program}) ->
    io_lib:format("there is no program ~ts", [Program]);
format({protocol, Reason}) ->
    io_lib:format("the node has broken the protocol: ~0tP", [Reason, 20]);
format({bad_node, Node, Why}) ->
    io_lib:format("~0tP names no node: ~ts", [Node, 20, Why]);
format({bad_option, Option}) ->
    io_lib:format("~0tP is no option, or none for this transport", [Option, 20]);
format({no_name, Name}) ->
    io_lib:format("no connection has the name ~0tp", [Name]);
format({name_in_use, Name}) ->
    io_lib:format("another connection has the name ~0tp", [Name]);
format({not_started, Reason}) ->
    io_lib:format("the application sshrpc cannot be started: ~0tP", [Reason, 20]).
