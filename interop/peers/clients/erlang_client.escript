#!/usr/bin/env escript
%% Erlang's ssh with everything that it has.
%%! -noinput +S 1 +sbwt none
-mode(compile).

main([Host, Port, User, Key | Command]) ->
    ok = ssh:start(),
    % It would write between what the command writes.
    ok = logger:remove_handler(default),
    Home = string:trim(os:cmd("mktemp -d")),
    {ok, _} = file:copy(Key, filename:join(Home, "id_" ++ filename:basename(Key))),
    All = ssh_transport:supported_algorithms(),
    Rekey = [{rekey_limit, list_to_integer(N)} || N <- [os:getenv("REKEY")], N =/= false],
    Options = [{user, User}, {user_dir, Home}, {silently_accept_hosts, true}, {save_accepted_host, false},
               {user_interaction, false}, {connect_timeout, 10000}, {preferred_algorithms, All},
               {modify_algorithms, [{append, [{public_key, ['ssh-rsa']}]}]}] ++ Rekey,
    Status = try run(Host, list_to_integer(Port), Options, string:join(Command, " "))
             after os:cmd("rm -r " ++ Home) end,
    halt(Status).

run(Host, Port, Options, Command) ->
    {ok, Connection} = ssh:connect(Host, Port, Options),
    {ok, Channel} = ssh_connection:session_channel(Connection, 1 bsl 20, 32768, 10000),
    Start = case os:getenv("SUBSYSTEM") of
                false -> exec;
                _ -> subsystem
            end,
    success = ssh_connection:Start(Connection, Channel, Command, 10000),
    spawn_link(fun() -> send(Connection, Channel, open_port({fd, 0, 0}, [in, binary, eof])) end),
    Output = open_port({fd, 1, 1}, [out, binary]),
    Status = receive_all(Connection, Channel, Output, 255),
    ssh:close(Connection),
    Status.

send(Connection, Channel, Input) ->
    receive
        {Input, {data, Data}} ->
            ok = ssh_connection:send(Connection, Channel, Data),
            send(Connection, Channel, Input);
        {Input, eof} -> ssh_connection:send_eof(Connection, Channel)
    end.

receive_all(Connection, Channel, Output, Status) ->
    receive
        {ssh_cm, Connection, {data, Channel, 0, Data}} ->
            port_command(Output, Data),
            ssh_connection:adjust_window(Connection, Channel, byte_size(Data)),
            receive_all(Connection, Channel, Output, Status);
        {ssh_cm, Connection, {data, Channel, _, Data}} ->
            io:put_chars(standard_error, Data),
            receive_all(Connection, Channel, Output, Status);
        {ssh_cm, Connection, {exit_status, Channel, Code}} -> receive_all(Connection, Channel, Output, Code);
        {ssh_cm, Connection, {closed, Channel}} -> Status;
        _ -> receive_all(Connection, Channel, Output, Status)
    end.
