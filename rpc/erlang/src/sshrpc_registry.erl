%% @private Which process holds the connection to which node, and under which names.
-module(sshrpc_registry).
-behaviour(gen_server).

-export([start_link/0, find/1, open/2, forget/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

%% `monitors`: the keys in the table of each process.
-record(state, {monitors = #{} :: #{reference() => [term()]}, pids = #{} :: #{pid() => reference()}}).

-spec start_link() -> {ok, pid()} | {error, term()} | ignore.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% The connection of this target or name, or this process if it is one.
-spec find(sshrpc_target:target() | atom() | pid()) -> {ok, pid()} | error.
find(Key) ->
    try ets:lookup(?MODULE, Key) of
        [{_, Pid}] -> {ok, Pid};
        [] -> error
    catch
        %% The application is not started: there are none.
        error:badarg -> error
    end.

%% The connection of this target, which is made where there is none, with a name besides.
-spec open(sshrpc_target:target(), atom()) -> {ok, pid()} | {error, {name_in_use, atom()}}.
open(Target, Name) ->
    gen_server:call(?MODULE, {open, Target, Name}, infinity).

%% Whoever asks for what this process had gets another.
-spec forget(pid()) -> ok.
forget(Pid) ->
    gen_server:call(?MODULE, {forget, Pid}, infinity).

init([]) ->
    ?MODULE = ets:new(?MODULE, [named_table, protected, {read_concurrency, true}]),
    {ok, #state{}}.

handle_call({open, Target, Name}, _From, State) ->
    Existing = find(Target),
    case {Existing, find_name(Name)} of
        {{ok, Pid}, {ok, Pid}} ->
            {reply, {ok, Pid}, State};
        {_, {ok, _Other}} ->
            {reply, {error, {name_in_use, Name}}, State};
        {{ok, Pid}, error} ->
            {reply, {ok, Pid}, add(Name, Pid, State)};
        {error, error} ->
            {ok, Pid} = sshrpc_sup:start_connection(Target),
            {reply, {ok, Pid}, add(Name, Pid, add(Target, Pid, add(Pid, Pid, State)))}
    end;
handle_call({forget, Pid}, _From, State = #state{pids = Pids}) ->
    case Pids of
        #{Pid := Monitor} -> {reply, ok, forget(Monitor, Pid, State)};
        #{} -> {reply, ok, State}
    end;
handle_call(_Unknown, _From, State) ->
    {reply, {error, badarg}, State}.

handle_cast(_Unknown, State) ->
    {noreply, State}.

handle_info({'DOWN', Monitor, process, Pid, _Reason}, State) ->
    {noreply, forget(Monitor, Pid, State)};
handle_info(_Unknown, State) ->
    {noreply, State}.

forget(Monitor, Pid, State = #state{monitors = Monitors, pids = Pids}) ->
    erlang:demonitor(Monitor, [flush]),
    lists:foreach(fun(Key) -> ets:delete(?MODULE, Key) end, maps:get(Monitor, Monitors, [])),
    State#state{monitors = maps:remove(Monitor, Monitors), pids = maps:remove(Pid, Pids)}.

find_name(undefined) -> error;
find_name(Name) -> find(Name).

add(undefined, _Pid, State) ->
    State;
add(Key, Pid, State = #state{monitors = Monitors, pids = Pids}) ->
    true = ets:insert(?MODULE, {Key, Pid}),
    case Pids of
        #{Pid := Monitor} ->
            State#state{monitors = maps:update_with(Monitor, fun(Keys) -> [Key | Keys] end, Monitors)};
        #{} ->
            Monitor = erlang:monitor(process, Pid),
            State#state{monitors = Monitors#{Monitor => [Key]}, pids = Pids#{Pid => Monitor}}
    end.
