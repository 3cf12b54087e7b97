%% @private Channels of Erlang's own ssh application.
-module(sshrpc_ssh).
-behaviour(sshrpc_channel).

-export([open/1, received/2, write/2, consumed/2, close/1]).

-define(SUBSYSTEM, "sshrpc@k2r.org").
%% How many octets a node may send before any are used, and in one packet.
-define(WINDOW, 2097152).
-define(PACKET, 32768).

open(Target = #{host := Host, host_key := Policy, user_dir := UserDir, connect_timeout := Limit}) ->
    Until = erlang:monotonic_time(millisecond) + Limit,
    Port =
        case Target of
            #{port := default} -> 22;
            #{port := Number} -> Number
        end,
    Keys = sshrpc_keys:new(Host, Port, Policy, UserDir),
    case ssh:connect(Host, Port, options(Target, Keys), Limit) of
        {ok, Connection} ->
            case channel(Connection, Until) of
                {ok, Channel} ->
                    {ok, {Connection, Channel}};
                {error, Reason} ->
                    _ = ssh:close(Connection),
                    {error, Reason}
            end;
        {error, Reason} ->
            case sshrpc_keys:refusal(Keys) of
                {host_key, Refusal} -> {error, {host_key, Refusal}};
                none -> {error, reason(Reason)}
            end
    end.

received({ssh_cm, Connection, {data, Channel, 0, Octets}}, {Connection, Channel}) -> {data, Octets};
received({ssh_cm, Connection, {data, Channel, _, Text}}, {Connection, Channel}) -> {error_output, Text};
received({ssh_cm, Connection, {closed, Channel}}, {Connection, Channel}) -> {ended, "the node closed the channel"};
received(_, _) -> ignored.

write(Octets, {Connection, Channel}) ->
    ssh_connection:send(Connection, Channel, Octets).

consumed(Octets, {Connection, Channel}) ->
    ssh_connection:adjust_window(Connection, Channel, Octets).

close({Connection, _Channel}) ->
    _ = ssh:close(Connection),
    ok.

options(#{user := User, ssh := Given, connect_timeout := Limit}, Keys) ->
    Login = [{user, User} || User =/= default],
    Ours = sshrpc_keys:options(Keys) ++ Login ++
        [
            {user_interaction, false},
            {auth_methods, "publickey"},
            {connect_timeout, Limit},
            {nodelay, true},
            {keepalive, true}
        ],
    Names = [element(1, Option) || Option <- Given, is_tuple(Option)],
    Given ++ [Option || Option <- Ours, not lists:member(element(1, Option), Names)].

channel(Connection, Until) ->
    case ssh_connection:session_channel(Connection, ?WINDOW, ?PACKET, left(Until)) of
        {ok, Channel} ->
            case ssh_connection:subsystem(Connection, Channel, ?SUBSYSTEM, left(Until)) of
                success -> {ok, Channel};
                failure -> {error, no_subsystem};
                {error, Reason} -> {error, reason(Reason)}
            end;
        {error, Reason} ->
            {error, reason(Reason)}
    end.

left(Until) ->
    max(0, Until - erlang:monotonic_time(millisecond)).

reason(timeout) -> timeout;
reason(Posix) when is_atom(Posix) -> {network, Posix};
reason(Text) when is_list(Text) -> {ssh, lists:flatten(Text)};
reason(Other) -> {ssh, lists:flatten(io_lib:format("~0tp", [Other]))}.
