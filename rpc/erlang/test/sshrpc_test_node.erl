%% Nodes for tests: the program `sshrpc serve' with a user whom it lets in, and the original protocol on Erlang's own ssh.
-module(sshrpc_test_node).

-export([directory/0, key/1, remove/1, start/1, start/2, start_in/3, stop/1, signal/2, address/1, address/2, original/1, other_server/1, wait_until/1]).
-export_type([node_/0]).

%% Long enough for anything on a busy machine.
-define(LIMIT, 30000).

-type node_() :: #{directory := string(), port := inet:port_number(), program => port(), daemon => pid()}.

%% A directory for the keys of a user and of a host.
directory() ->
    Directory = string:trim(os:cmd("mktemp -d")),
    key(filename:join(Directory, "id_ed25519")),
    key(filename:join(Directory, "host")),
    Directory.

key(File) ->
    "" = run(["keygen", "--file", File]).

remove(Directory) ->
    ok = file:del_dir_r(Directory).

%% A node with these arguments, on a port of its choice, that its user knows.
start(Arguments) ->
    start(directory(), Arguments).

start(Directory, Arguments) ->
    Node = start_in(Directory, 0, Arguments),
    know(Node),
    Node.

know(#{directory := Directory, port := Port}) ->
    {ok, Public} = file:read_file(filename:join(Directory, "host.pub")),
    [Type, Key | _] = string:lexemes(Public, " \n"),
    ok = sshrpc_known_hosts:add(filename:join(Directory, "known_hosts"), "127.0.0.1", Port, {Type, Key}).

%% The same on this port, that nobody knows yet.
start_in(Directory, Port, Arguments) ->
    In = fun(Name) -> filename:join(Directory, Name) end,
    Serve =
        ["serve", "--json", "--listen", "127.0.0.1:" ++ integer_to_list(Port), "--host-key", In("host")] ++
            ["--authorized-keys", In("id_ed25519.pub") | Arguments],
    Program = open_port({spawn_executable, program()}, [{args, Serve}, {line, 65536}, binary, exit_status]),
    receive
        {Program, {data, {eol, Line}}} ->
            case re:run(Line, "\"listening\":\"127.0.0.1:([0-9]+)\"", [{capture, all_but_first, list}]) of
                {match, [Digits]} ->
                    guard(Program),
                    #{directory => Directory, port => list_to_integer(Digits), program => Program};
                nomatch ->
                    error({serve, Line})
            end;
        {Program, {exit_status, Status}} ->
            error({serve, Status})
    after ?LIMIT -> error({serve, timeout})
    end.

%% A test that takes too long is killed, and stops nothing.
guard(Program) ->
    Test = self(),
    {os_pid, Pid} = erlang:port_info(Program, os_pid),
    spawn(fun() ->
        Killed = erlang:monitor(process, Test),
        Ended = erlang:monitor(port, Program),
        receive
            {'DOWN', Killed, process, _, _} -> kill("KILL", Pid);
            {'DOWN', Ended, port, _, _} -> ok
        end
    end).

%% It is gone when this returns.
stop(#{program := Program} = Node) ->
    signal("KILL", Node),
    receive
        {Program, {exit_status, _}} -> ok
    after ?LIMIT -> error(timeout)
    end;
stop(#{daemon := Daemon}) ->
    ssh:stop_daemon(Daemon).

signal(Name, #{program := Program}) ->
    {os_pid, Pid} = erlang:port_info(Program, os_pid),
    kill(Name, Pid).

kill(Name, Pid) ->
    "" = os:cmd("kill -" ++ Name ++ " " ++ integer_to_list(Pid)),
    ok.

%% As its user names it.
address(Node) ->
    address(Node, #{}).

address(#{port := Port, directory := Directory}, Options) ->
    {"127.0.0.1", Port, Options#{user => "alice", user_dir => Directory}}.

%% The server of the original protocol.
original(Directory) ->
    daemon(Directory, fun() -> rpc_peer_server:daemon({127, 0, 0, 1}, 0, Directory, #{}) end).

%% An SSH server that is no node.
other_server(Directory) ->
    daemon(Directory, fun() -> ssh:daemon({127, 0, 0, 1}, 0, [{system_dir, Directory}, {user_dir, Directory}]) end).

daemon(Directory, Start) ->
    {ok, _} = application:ensure_all_started(ssh),
    {ok, _} = file:copy(filename:join(Directory, "host"), filename:join(Directory, "ssh_host_ed25519_key")),
    {ok, _} = file:copy(filename:join(Directory, "id_ed25519.pub"), filename:join(Directory, "authorized_keys")),
    {ok, Daemon} = Start(),
    {ok, Info} = ssh:daemon_info(Daemon),
    Node = #{directory => Directory, port => proplists:get_value(port, Info), daemon => Daemon},
    know(Node),
    Node.

%% Asks until the answer is yes.
wait_until(Done) ->
    wait_until(Done, ?LIMIT div 5).

wait_until(Done, Left) ->
    case Done() of
        true -> ok;
        Other when Left =:= 0 -> error({timeout, Other});
        _ ->
            receive
            after 5 -> wait_until(Done, Left - 1)
            end
    end.

run(Arguments) ->
    Program = open_port({spawn_executable, program()}, [{args, Arguments}, exit_status, stderr_to_stdout, binary]),
    finished(Program, <<>>).

finished(Program, Said) ->
    receive
        {Program, {data, More}} -> finished(Program, <<Said/binary, More/binary>>);
        {Program, {exit_status, 0}} -> "";
        {Program, {exit_status, Status}} -> error({Status, Said})
    after ?LIMIT -> error({timeout, Said})
    end.

program() ->
    case os:getenv("SSHRPC") of
        false ->
            case os:find_executable("sshrpc") of
                false -> error("SSHRPC has to say where the program sshrpc is");
                Found -> Found
            end;
        Path ->
            Path
    end.
