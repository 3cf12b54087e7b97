%% @private Calls under way, for `sshrpc' and `sshrpc_erpc'.
-module(sshrpc_call).

-export([connection/1, begin_call/5, begin_cast/4, begin_request/2, await/2, cancel/1, all/5]).
-export_type([call/0]).

-record(call, {connection :: pid(), key :: sshrpc_session:key(), node :: sshrpc:node_name()}).

-opaque call() :: #call{} | {done, sshrpc_outcome:outcome()}.

%% The connection of a node, which is made where it is needed.
-spec connection(sshrpc:node_name()) -> {ok, pid()} | {error, sshrpc:reason()}.
connection(Node) ->
    case sshrpc_target:read(Node) of
        {ok, Known} ->
            case sshrpc_registry:find(Known) of
                {ok, Pid} -> {ok, Pid};
                error -> open(Known)
            end;
        {error, Reason} ->
            {error, Reason}
    end.

open(Target) when is_map(Target) ->
    case application:ensure_all_started(sshrpc) of
        {ok, _} -> sshrpc_registry:open(Target, undefined);
        {error, Reason} -> {error, {not_started, Reason}}
    end;
open(Name) when is_atom(Name) ->
    {error, {no_name, Name}};
open(_Pid) ->
    {error, closed}.

%% Begins a call, and goes on.
-spec begin_call(sshrpc:node_name(), module(), atom(), [term()], timeout()) -> call().
begin_call(Node, Module, Function, Args, Timeout) ->
    check(Module, Function, Args, Timeout),
    Options =
        case Timeout of
            infinity -> #{};
            _ -> #{deadline => Timeout}
        end,
    begin_request(Node, {call, [mfa(Module, Function, Args), sshrpc_message:element_of(Options)]}).

-spec begin_cast(sshrpc:node_name(), module(), atom(), [term()]) -> call().
begin_cast(Node, Module, Function, Args) ->
    check(Module, Function, Args, infinity),
    begin_request(Node, {cast, [mfa(Module, Function, Args)]}).

-spec begin_request(sshrpc:node_name(), sshrpc_session:request()) -> call().
begin_request(Node, Request) ->
    case connection(Node) of
        {ok, Connection} ->
            #call{connection = Connection, key = sshrpc_connection:request(Connection, Request), node = Node};
        {error, {bad_node, _, _}} ->
            error(badarg);
        {error, {bad_option, _}} ->
            error(badarg);
        {error, _} ->
            {done, sshrpc_outcome:machinery(noconnection)}
    end.

%% How it ended, if that is known in this time.
-spec await(call(), timeout()) -> {ok, sshrpc_outcome:outcome()} | timeout.
await({done, Outcome}, _Timeout) ->
    {ok, Outcome};
await(#call{key = Key}, Timeout) ->
    receive
        {Key, Result} -> {ok, sshrpc_outcome:read(Result)};
        {'DOWN', Key, process, _, _} -> {ok, sshrpc_outcome:machinery(noconnection)}
    after Timeout -> timeout
    end.

%% Stops it on the node: its result comes no more.
-spec cancel(call()) -> ok.
cancel({done, _}) ->
    ok;
cancel(#call{connection = Connection, key = Key}) ->
    erlang:demonitor(Key, [flush]),
    sshrpc_connection:give_up(Connection, Key),
    receive
        {Key, _Result} -> ok
    after 0 -> ok
    end.

%% The same call on many nodes at once, and how it ended on each.
-spec all([sshrpc:node_name()], module(), atom(), [term()], timeout()) -> [sshrpc_outcome:outcome()].
all(Nodes, Module, Function, Args, Timeout) ->
    is_list(Nodes) orelse error(badarg),
    Until = until(Timeout),
    Calls = [begin_call(Node, Module, Function, Args, Timeout) || Node <- Nodes],
    [ended(Call, left(Until)) || Call <- Calls].

ended(Call, Timeout) ->
    case await(Call, Timeout) of
        {ok, Outcome} -> Outcome;
        timeout ->
            cancel(Call),
            sshrpc_outcome:machinery(timeout)
    end.

until(infinity) -> infinity;
until(Timeout) -> erlang:monotonic_time(millisecond) + Timeout.

left(infinity) -> infinity;
left(Until) -> max(0, Until - erlang:monotonic_time(millisecond)).

mfa(Module, Function, Args) ->
    sshrpc_message:element_of({Module, Function, Args}).

check(Module, Function, Args, Timeout) ->
    IsTime = Timeout =:= infinity orelse (is_integer(Timeout) andalso Timeout >= 0 andalso Timeout < 16#100000000),
    case is_atom(Module) andalso is_atom(Function) andalso is_list(Args) andalso IsTime of
        %% Not of an improper list.
        true -> _ = length(Args), ok;
        false -> error(badarg)
    end.
