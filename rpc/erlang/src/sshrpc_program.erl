%% @private A program that carries a channel on its standard input and output: OpenSSH's `ssh', with all that its user has
%% configured (jump hosts, agents, certificates), or any other.
-module(sshrpc_program).
-behaviour(sshrpc_channel).

-export([open/1, received/2, write/2, consumed/2, close/1]).

%% The program has what it needs, or ends: how long that may take is its own business.
open(Target) ->
    [Program | Arguments] = words(Target),
    case os:find_executable(Program) of
        false ->
            {error, {no_program, Program}};
        Path ->
            Options = [{args, Arguments}, binary, stream, exit_status, use_stdio, hide],
            try
                {ok, open_port({spawn_executable, Path}, Options)}
            catch
                error:Reason -> {error, {closed, lists:flatten(io_lib:format("~ts: ~0tp", [Program, Reason]))}}
            end
    end.

received({Port, {data, Octets}}, Port) ->
    {data, Octets};
received({Port, {exit_status, Status}}, Port) ->
    {ended, io_lib:format("the program that carried it ended with status ~b", [Status])};
received({'EXIT', Port, Reason}, Port) ->
    {ended, io_lib:format("the program that carried it ended: ~0tp", [Reason])};
received(_, _) ->
    ignored.

%% Waits while the program reads nothing.
write(Octets, Port) ->
    try port_command(Port, Octets) of
        true -> ok
    catch
        error:badarg -> {error, closed}
    end.

%% A pipe is all the window there is.
consumed(_Octets, _Port) ->
    ok.

close(Port) ->
    catch port_close(Port),
    ok.

words(#{transport := {program, Words}}) ->
    Words;
words(#{transport := openssh, host := Host, port := Port, user := User, connect_timeout := Limit, host_key := Policy}) ->
    Seconds = integer_to_list((Limit + 999) div 1000),
    ["ssh", "-oBatchMode=yes", "-oConnectTimeout=" ++ Seconds] ++
        ["-oStrictHostKeyChecking=accept-new" || Policy =:= accept_new] ++
        lists:append([["-p", integer_to_list(Port)] || Port =/= default]) ++
        lists:append([["-l", User] || User =/= default]) ++
        ["-s", "--", Host, "sshrpc@k2r.org"].
