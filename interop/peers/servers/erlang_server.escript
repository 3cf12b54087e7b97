#!/usr/bin/env escript
%% Erlang's ssh daemon with everything that it has. Its own way to run commands knows neither input nor a status: this one
%% runs them by a channel handler of the same kind as the subsystem's.
%%! -noinput +S 1 +sbwt none
-mode(compile).
-behaviour(ssh_server_channel).
-export([init/1, handle_msg/2, handle_ssh_msg/2, terminate/2, main/1]).

main([Port]) ->
    ok = ssh:start(),
    Keys = os:getenv("PEER_KEYS"),
    System = filename:join(Keys, "erlang"),
    User = filename:join(System, "user"),
    ok = filelib:ensure_dir(filename:join(User, "any")),
    [{ok, _} = file:copy(filename:join(Keys, From), filename:join(System, To)) || {From, To} <-
        [{"host_rsa", "ssh_host_rsa_key"}, {"host_ecdsa", "ssh_host_ecdsa_key"}, {"host_ed25519", "ssh_host_ed25519_key"}]],
    {ok, _} = file:copy(filename:join(Keys, "authorized_keys"), filename:join(User, "authorized_keys")),
    All = ssh_transport:supported_algorithms(),
    Rekey = [{rekey_limit, list_to_integer(N)} || N <- [os:getenv("REKEY")], N =/= false],
    {ok, _} = ssh:daemon({127, 0, 0, 1}, list_to_integer(Port),
        [{system_dir, System}, {user_dir, User}, {auth_methods, "publickey"}, {preferred_algorithms, All},
         {ssh_cli, {?MODULE, [exec]}}, {subsystems, [{"echo", {?MODULE, [echo]}}]} | Rekey]),
    receive stop -> ok end.

init([What]) -> {ok, #{what => What}}.

handle_msg({ssh_channel_up, Channel, Connection}, State) ->
    {ok, State#{channel => Channel, connection => Connection}};
handle_msg({Program, {data, Data}}, #{program := Program, channel := Channel, connection := Connection} = State) ->
    ssh_connection:send(Connection, Channel, Data),
    {ok, State};
handle_msg({Program, {exit_status, Status}}, #{program := Program} = State) ->
    finish(Status, State);
handle_msg(_, State) ->
    {ok, State}.

handle_ssh_msg({ssh_cm, Connection, {exec, Channel, WantReply, Command}}, State) ->
    Program = open_port({spawn_executable, "/bin/sh"}, [{args, ["-c", Command]}, exit_status, binary, stream]),
    ssh_connection:reply_request(Connection, WantReply, success, Channel),
    {ok, State#{program => Program}};
handle_ssh_msg({ssh_cm, Connection, {data, Channel, 0, Data}}, #{what := echo} = State) ->
    ssh_connection:send(Connection, Channel, Data),
    {ok, State};
handle_ssh_msg({ssh_cm, _, {data, _, 0, Data}}, #{program := Program} = State) ->
    catch port_command(Program, Data),
    {ok, State};
handle_ssh_msg({ssh_cm, _, {eof, _}}, #{what := echo} = State) ->
    finish(0, State);
handle_ssh_msg(_, State) ->
    {ok, State}.

finish(Status, #{channel := Channel, connection := Connection} = State) ->
    ssh_connection:send_eof(Connection, Channel),
    ssh_connection:exit_status(Connection, Channel, Status),
    {stop, Channel, State}.

terminate(_, _) -> ok.
