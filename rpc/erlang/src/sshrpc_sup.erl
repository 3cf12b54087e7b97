%% @private The registry of connections, and beneath a supervisor of their own the connections.
-module(sshrpc_sup).
-behaviour(supervisor).

-export([start_link/0, start_connection/1]).
-export([init/1]).

-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    case supervisor:start_link({local, ?MODULE}, ?MODULE, root) of
        {ok, Pid} -> {ok, Pid};
        {error, Reason} -> {error, Reason};
        ignore -> {error, ignore}
    end.

-spec start_connection(sshrpc_target:target()) -> {ok, pid()}.
start_connection(Target) ->
    {ok, Pid} = supervisor:start_child(sshrpc_connections, [Target]),
    {ok, Pid}.

%% Who has lost the registry cannot be found any more: connections end with it.
init(root) ->
    Registry = #{id => registry, start => {sshrpc_registry, start_link, []}},
    Connections = #{
        id => connections,
        type => supervisor,
        start => {supervisor, start_link, [{local, sshrpc_connections}, ?MODULE, connections]}
    },
    {ok, {#{strategy => one_for_all, intensity => 3, period => 10}, [Connections, Registry]}};
%% One that ended is made anew by whoever needs it next.
init(connections) ->
    Connection = #{id => connection, start => {sshrpc_connection, start_link, []}, restart => temporary},
    {ok, {#{strategy => simple_one_for_one}, [Connection]}}.
