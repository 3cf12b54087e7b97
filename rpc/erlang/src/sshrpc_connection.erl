%% @private The connection to one node: made when somebody asks for something, and made anew after it was lost.
%%
%% Requests come from processes that are watched: when one ends, what it asked for is cancelled. To each goes
%% `{Key, Result}', by an alias that its first message ends, so that nothing arrives late.
-module(sshrpc_connection).
-behaviour(gen_server).

-export([start_link/1, connect/1, request/2, give_up/2, watch/4, unwatch/2, mailbox/1, close_mailbox/2, close/1, info/1]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).
-export_type([result/0]).

-type result() :: {extended | plain, binary(), all | existing} | {failed, sshrpc_session:failure()} | sent.

%% How much is taken out of the session at once: enough for one write, little enough for short calls to overtake.
-define(ENOUGH, 65536).

%% Who asked: it is told, and watched.
-record(asker, {
    pid :: pid(),
    monitor :: reference(),
    %% What it is told of besides the result: how a process ends, what comes to a mailbox.
    more = none :: none | mailbox | {down, sshrpc:destination(), sshrpc:node_name()}
}).

-record(state, {
    target :: sshrpc_target:target(),
    channel = none :: none | {opening | free | writing, pid()},
    session = none :: none | sshrpc_session:session(),
    askers = #{} :: #{sshrpc_session:key() => #asker{}},
    monitors = #{} :: #{reference() => sshrpc_session:key()},
    %% Who waits until it is open.
    connecting = [] :: [gen_server:from()],
    %% For the end of what may take only so long.
    timer = none :: none | reference(),
    heard = false :: boolean(),
    %% What was written to the log last.
    logged = none :: none | sshrpc:reason()
}).

-spec start_link(sshrpc_target:target()) -> {ok, pid()} | {error, term()} | ignore.
start_link(Target) ->
    gen_server:start_link(?MODULE, Target, []).

%% Waits until it is open.
-spec connect(pid()) -> {ok, sshrpc_session:protocol()} | {error, sshrpc:reason()}.
connect(Connection) ->
    try
        gen_server:call(Connection, connect, infinity)
    catch
        exit:_ -> {error, closed}
    end.

%% Asks for something, whose result comes to the caller as `{Key, Result}', or `{'DOWN', Key, ...}'.
-spec request(pid(), sshrpc_session:request()) -> sshrpc_session:key().
request(Connection, Request) ->
    Key = erlang:monitor(process, Connection, [{alias, reply_demonitor}]),
    gen_server:cast(Connection, {request, Key, self(), none, Request}),
    Key.

%% The same for a monitor: besides the result comes, under this key too, the message of a monitor, about this process.
-spec watch(pid(), sshrpc_session:request(), sshrpc:destination(), sshrpc:node_name()) -> sshrpc_session:key().
watch(Connection, Request, Destination, Node) ->
    Key = erlang:monitor(process, Connection, [{alias, reply_demonitor}]),
    gen_server:cast(Connection, {request, Key, self(), {down, Destination, Node}, Request}),
    Key.

%% Makes a mailbox. Its pid is the result, and its messages come as `sshrpc:mailbox/1' says.
-spec mailbox(pid()) -> sshrpc_session:key().
mailbox(Connection) ->
    Key = erlang:monitor(process, Connection, [{alias, reply_demonitor}]),
    gen_server:cast(Connection, {request, Key, self(), mailbox, {mailbox, []}}),
    Key.

%% Ends one: nothing comes from there any more.
-spec close_mailbox(pid(), pid()) -> ok.
close_mailbox(Connection, Mailbox) ->
    try
        gen_server:call(Connection, {close_mailbox, Mailbox}, infinity)
    catch
        exit:_ -> ok
    end.

%% Nobody waits for this any more.
-spec give_up(pid(), sshrpc_session:key()) -> ok.
give_up(Connection, Key) ->
    gen_server:cast(Connection, {give_up, Key}).

%% Ends a watch: nothing is told of it any more.
-spec unwatch(pid(), sshrpc_session:key()) -> ok.
unwatch(Connection, Key) ->
    try
        gen_server:call(Connection, {unwatch, Key}, infinity)
    catch
        exit:_ -> ok
    end.

-spec close(pid()) -> ok.
close(Connection) ->
    try
        gen_server:stop(Connection)
    catch
        exit:_ -> ok
    end.

-spec info(pid()) -> {ok, sshrpc_target:target(), sshrpc_session:protocol() | closed} | error.
info(Connection) ->
    try
        gen_server:call(Connection, info, infinity)
    catch
        exit:_ -> error
    end.

init(Target) ->
    process_flag(trap_exit, true),
    {ok, #state{target = Target}}.

handle_call(connect, From, State) ->
    case State of
        #state{session = Session} when Session =/= none ->
            case sshrpc_session:protocol(Session) of
                greeting -> {noreply, State#state{connecting = [From | State#state.connecting]}};
                Protocol -> {reply, {ok, Protocol}, State}
            end;
        #state{connecting = Connecting} ->
            {noreply, dial(State#state{connecting = [From | Connecting]})}
    end;
handle_call(info, _From, State = #state{target = Target, session = Session}) ->
    Protocol =
        case Session of
            none -> closed;
            _ -> sshrpc_session:protocol(Session)
        end,
    {reply, {ok, Target, Protocol}, State};
handle_call({unwatch, Key}, _From, State) ->
    {reply, ok, flush(forget(Key, State))};
handle_call({close_mailbox, Mailbox}, _From, State = #state{session = Session}) ->
    case Session =/= none andalso sshrpc_session:mailbox(Mailbox, Session) of
        {ok, Key} -> {reply, ok, flush(forget(Key, State))};
        _ -> {reply, ok, State}
    end;
handle_call(_Unknown, _From, State) ->
    {reply, {error, badarg}, State}.

handle_cast({request, Key, Pid, More, Request}, State) ->
    Open = #state{session = Session, askers = Askers, monitors = Monitors} = dial(State),
    Monitor = erlang:monitor(process, Pid),
    Asker = #asker{pid = Pid, monitor = Monitor, more = More},
    {Events, Next} = sshrpc_session:request(Key, Request, Session),
    Asked = Open#state{session = Next, askers = Askers#{Key => Asker}, monitors = Monitors#{Monitor => Key}},
    {noreply, flush(events(Events, Asked))};
handle_cast({give_up, Key}, State) ->
    {noreply, flush(forget(Key, State))};
handle_cast(_Unknown, State) ->
    {noreply, State}.

handle_info({Channel, Event}, State = #state{channel = {_, Channel}}) ->
    {noreply, channel(Event, State)};
handle_info({'EXIT', Channel, Reason}, State = #state{channel = {_, Channel}}) ->
    {noreply, lost({closed, lists:flatten(io_lib:format("~0tp", [Reason]))}, State)};
handle_info({'DOWN', Monitor, process, _Pid, _Reason}, State = #state{monitors = Monitors}) ->
    case Monitors of
        #{Monitor := Key} -> {noreply, flush(forget(Key, State))};
        #{} -> {noreply, State}
    end;
handle_info({timeout, Timer, What}, State = #state{timer = Timer}) ->
    {noreply, timeout(What, State#state{timer = none})};
handle_info(_Unknown, State) ->
    {noreply, State}.

terminate(_Reason, State) ->
    lost(closed, State#state{logged = closed}).

%% -- the channel

dial(State = #state{session = none, target = Target = #{max_message := Message, connect_timeout := Limit}}) ->
    Channel = sshrpc_channel:start_link(Target),
    start_timer(Limit, dial, State#state{channel = {opening, Channel}, session = sshrpc_session:new(Message)});
dial(State) ->
    State.

channel(opened, State = #state{channel = {opening, Channel}}) ->
    flush(State#state{channel = {free, Channel}});
channel(written, State = #state{channel = {writing, Channel}}) ->
    flush(State#state{channel = {free, Channel}});
channel({data, Octets}, State = #state{session = Session, channel = {_, Channel}}) ->
    case sshrpc_session:input(Octets, Session) of
        {ok, Events, Next} ->
            sshrpc_channel:consumed(Channel, byte_size(Octets)),
            flush(events(Events, State#state{session = Next, heard = true}));
        {error, Reason} ->
            lost({protocol, Reason}, State)
    end;
channel({closed, Reason}, State) ->
    lost(Reason, State).

%% Writes what there is, when the channel has written what there was.
flush(State = #state{channel = {free, Channel}, session = Session}) ->
    {Octets, Next} = sshrpc_session:output(?ENOUGH, Session),
    case iolist_size(Octets) of
        0 ->
            State#state{session = Next};
        _ ->
            sshrpc_channel:write(Channel, Octets),
            State#state{session = Next, channel = {writing, Channel}}
    end;
flush(State) ->
    State.

timeout(dial, State) ->
    lost(timeout, State);
timeout(keepalive, State = #state{heard = true}) ->
    keep_alive(State);
timeout(keepalive, State = #state{session = Session}) ->
    case sshrpc_session:ping(Session) of
        {ok, Next} -> flush(keep_alive(State#state{session = Next}));
        unanswered -> lost(timeout, State)
    end.

keep_alive(State = #state{target = #{keepalive := Time}}) ->
    start_timer(Time, keepalive, State#state{heard = false}).

start_timer(infinity, _What, State) ->
    stop_timer(State);
start_timer(Time, What, State) ->
    (stop_timer(State))#state{timer = erlang:start_timer(Time, self(), What)}.

stop_timer(State = #state{timer = none}) ->
    State;
stop_timer(State = #state{timer = Timer}) ->
    %% One that has gone off already has another reference than the next.
    _ = erlang:cancel_timer(Timer),
    State#state{timer = none}.

%% -- who asked

events(Events, State) ->
    lists:foldl(fun event/2, State, Events).

event({ready, Protocol}, State = #state{connecting = Connecting}) ->
    lists:foreach(fun(From) -> gen_server:reply(From, {ok, Protocol}) end, Connecting),
    Ready = stop_timer(State#state{connecting = [], logged = none}),
    case Protocol of
        {extended, _} -> keep_alive(Ready);
        %% Whether a node is there that answers one call after the other, nobody can ask.
        plain -> Ready
    end;
event({sent, Key}, State) ->
    answer(Key, sent, State);
event({answer, Key, {failed, Failure}}, State) ->
    answer(Key, {failed, Failure}, State);
event({answer, Key, {Protocol, Octets}}, State = #state{target = #{atoms := Atoms}}) ->
    answer(Key, {Protocol, Octets, Atoms}, State);
event({down, Key, Reason}, State = #state{askers = Askers}) ->
    case Askers of
        #{Key := Asker} -> down(Key, Asker, Reason);
        #{} -> ok
    end,
    settle(Key, State);
event({message, Key, Mailbox, Message}, State) ->
    post(Key, Mailbox, {message, Message}, State),
    State;
event({closed, Key, Mailbox, Reason}, State) ->
    post(Key, Mailbox, {closed, Reason}, State),
    settle(Key, State).

post(Key, Mailbox, What, #state{askers = Askers}) ->
    case Askers of
        #{Key := #asker{pid = Pid}} ->
            Pid ! {sshrpc_mailbox, Mailbox, What},
            ok;
        #{} ->
            ok
    end.

answer(Key, Result, State = #state{session = Session, askers = Askers}) ->
    case Askers of
        #{Key := #asker{more = More}} ->
            Key ! {Key, Result},
            case More =/= none andalso lists:keyfind(Key, 1, sshrpc_session:keys(Session)) of
                {Key, Kind} when Kind =/= request -> State;
                _ -> settle(Key, State)
            end;
        #{} ->
            State
    end.

down(Key, #asker{pid = Pid, more = {down, Destination, Node}}, Reason) when is_atom(Destination) ->
    Pid ! {'DOWN', Key, process, {Destination, Node}, Reason},
    ok;
down(Key, #asker{pid = Pid, more = {down, Destination, _Node}}, Reason) ->
    Pid ! {'DOWN', Key, process, Destination, Reason},
    ok.

settle(Key, State = #state{askers = Askers, monitors = Monitors}) ->
    case Askers of
        #{Key := #asker{monitor = Monitor}} ->
            erlang:demonitor(Monitor, [flush]),
            State#state{askers = maps:remove(Key, Askers), monitors = maps:remove(Monitor, Monitors)};
        #{} ->
            State
    end.

forget(Key, State = #state{session = none}) ->
    settle(Key, State);
forget(Key, State = #state{session = Session}) ->
    settle(Key, State#state{session = sshrpc_session:give_up(Key, Session)}).

%% What was not answered never will be.
lost(_Reason, State = #state{session = none}) ->
    State;
lost(Reason, State = #state{session = Session, channel = {_, Channel}, connecting = Connecting}) ->
    unlink(Channel),
    receive
        {'EXIT', Channel, _} -> ok
    after 0 -> ok
    end,
    sshrpc_channel:stop(Channel),
    lists:foreach(fun(From) -> gen_server:reply(From, {error, Reason}) end, Connecting),
    Told = lists:foldl(fun lose/2, State, sshrpc_session:keys(Session)),
    Lost = stop_timer(Told#state{session = none, channel = none, connecting = []}),
    case Connecting of
        [] -> log(Reason, Lost);
        %% Who has asked knows now.
        [_ | _] -> Lost
    end.

lose({Key, request}, State) ->
    answer(Key, {failed, noconnection}, State);
lose({Key, monitor}, State) ->
    event({down, Key, noconnection}, State);
lose({Key, {mailbox, Mailbox}}, State) ->
    event({closed, Key, Mailbox, noconnection}, State).

%% The same again and again is said once.
log(Reason, State = #state{logged = Reason}) ->
    State;
log(Reason, State = #state{target = Target}) ->
    logger:warning("sshrpc: no connection to ~ts: ~ts", [sshrpc_target:format(Target), sshrpc:format_error(Reason)]),
    State#state{logged = Reason}.
