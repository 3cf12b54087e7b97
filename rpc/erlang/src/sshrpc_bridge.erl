%% Executes calls for a node of sshrpc in this BEAM: the node's end of the extended protocol, as docs/protocol.md of sshrpc
%% specifies it, in frames with four octets of length in front. Long messages are not cut into parts, for the two ends are
%% on one machine; there are no streams and no mailboxes.
%%
%% In a running system, as a child of a supervisor or by itself:
%%
%%     {ok, _} = sshrpc_bridge:start("/run/sshrpc.sock").
%%
%% It dials the socket of `sshrpc serve --backend beam-node=/run/sshrpc.sock`, and dials again whenever it has lost it.
%%
%% Every call has a process of its own. Nothing here uses macros or includes: a BEAM that a node starts itself gets this
%% very text, and compiles it.
-module(sshrpc_bridge).

-export([start/1, start_link/1, serve/1]).

%% Dials the Unix socket at this path, and serves calls there, in a process that nobody supervises.
-spec start(file:name_all()) -> {ok, pid()}.
start(Path) ->
    {ok, proc_lib:spawn(fun() -> dial(Path, none, first_delay()) end)}.

%% The same for a supervisor: `#{id => sshrpc_bridge, start => {sshrpc_bridge, start_link, [Path]}}`.
-spec start_link(file:name_all()) -> {ok, pid()}.
start_link(Path) ->
    Parent = self(),
    {ok, proc_lib:spawn_link(fun() -> dial(Path, Parent, first_delay()) end)}.

%% Serves calls on a port that is this process's, and ends the whole BEAM with the port: who started it is gone.
-spec serve(port()) -> no_return().
serve(Port) ->
    process_flag(trap_exit, true),
    _ = loop(new({port, Port}, none)),
    erlang:halt(0, [{flush, false}]).

%% -- the connection

first_delay() -> 100.

%% Milliseconds between two attempts, at most.
last_delay() -> 5000.

dial(Path, Parent, Delay) ->
    process_flag(trap_exit, true),
    %% What called functions print belongs to the system, not to the shell in which this was started.
    case whereis(user) of
        undefined -> ok;
        User -> group_leader(User, self())
    end,
    Accepted =
        case gen_tcp:connect({local, Path}, 0, [local, binary, {packet, 4}, {active, once}]) of
            {ok, Socket} ->
                State = loop(new({socket, Socket}, Parent)),
                gen_tcp:close(Socket),
                cancel_all(State),
                maps:get(limit, State) =/= none;
            {error, _} ->
                false
        end,
    Wait =
        case Accepted of
            true -> first_delay();
            false -> Delay
        end,
    receive
        {'EXIT', Parent, Reason} -> exit(Reason)
    after Wait ->
        dial(Path, Parent, min(2 * Wait, last_delay()))
    end.

%% `limit`: the longest frame that the node takes, `none` before its hello. `ids`: what is under way, by the number of its
%% request. `monitors`: whose monitors those are.
new(Io, Parent) ->
    #{io => Io, parent => Parent, limit => none, ids => #{}, monitors => #{}}.

%% Runs until the connection is lost.
loop(State = #{io := {_, Io}, parent := Parent}) ->
    receive
        {Io, {data, Frame}} ->
            received(Frame, State);
        {tcp, Io, Frame} ->
            _ = inet:setopts(Io, [{active, once}]),
            received(Frame, State);
        {'DOWN', Monitor, process, _, Reason} ->
            continue(down(Monitor, Reason, State));
        {timeout, _, {deadline, Id}} ->
            loop(stop(Id, {error, {erpc, timeout}, []}, State));
        {Io, eof} ->
            State;
        {tcp_closed, Io} ->
            State;
        {tcp_error, Io, _} ->
            State;
        {'EXIT', Parent, Reason} ->
            cancel_all(State),
            exit(Reason);
        _ ->
            loop(State)
    end.

received(Frame, State) ->
    continue(
        try binary_to_term(Frame) of
            Message -> handle(Message, State)
        catch
            error:badarg -> unreadable(Frame, State)
        end
    ).

continue({lost, State}) -> State;
continue(State) -> loop(State).

answer(Id, Outcome, State) ->
    write({answer, Id, Outcome}, {answer, Id, too_long()}, State).

too_long() -> {error, {erpc, system_limit}, []}.

%% Writes a message, or the other one when it is longer than the node takes.
write(Message, Instead, State = #{limit := Limit}) ->
    write(encode(Message, Instead, Limit), State).

encode(Message, Instead, Limit) ->
    case term_to_binary(Message) of
        Frame when byte_size(Frame) =< Limit -> Frame;
        _ -> term_to_binary(Instead)
    end.

write(Frame, State = #{io := {port, Port}}) ->
    try port_command(Port, Frame) of
        true -> State
    catch
        error:_ -> {lost, State}
    end;
write(Frame, State = #{io := {socket, Socket}}) ->
    case gen_tcp:send(Socket, Frame) of
        ok -> State;
        {error, _} -> {lost, State}
    end.

%% -- what the node says

handle({sshrpc, hello, Offer = #{versions := Versions}}, State = #{limit := none}) ->
    case lists:member(1, Versions) of
        true ->
            Limit = maps:get(frame, Offer, 65536),
            Accepted = #{version => 1, node => node()},
            write(term_to_binary({answer, {{sshrpc, hello, Accepted}, 0}}), State#{limit := Limit});
        false ->
            write(term_to_binary({answer, {{exec_error, {sshrpc, hello, Offer}}, -1}}), State)
    end;
handle(_, State = #{limit := none}) ->
    {lost, State};
handle({call, Id, {M, F, A}, Options}, State) when is_atom(M), is_atom(F), length(A) >= 0, is_map(Options) ->
    case Options of
        #{input := _} -> answer(Id, {error, {erpc, notsup}, []}, State);
        #{output := _} -> answer(Id, {error, {erpc, notsup}, []}, State);
        _ -> call(Id, M, F, A, maps:get(deadline, Options, infinity), State)
    end;
handle({cast, Id, {M, F, A}}, State) when is_atom(M), is_atom(F), length(A) >= 0 ->
    try spawn(M, F, A) of
        _ -> answer(Id, {return, ok}, State)
    catch
        error:system_limit -> answer(Id, {error, {erpc, system_limit}, []}, State)
    end;
handle({send, Id, To, Message}, State) when is_atom(To); is_pid(To) ->
    %% To reach another node may take long: that waits elsewhere.
    try erlang:send(To, Message, [noconnect]) of
        ok ->
            answer(Id, {return, ok}, State);
        noconnect ->
            _ = spawn(erlang, send, [To, Message]),
            answer(Id, {return, ok}, State)
    catch
        error:badarg -> answer(Id, {error, badarg, []}, State)
    end;
handle({monitor, Id, To}, State) when is_atom(To); is_pid(To) ->
    Monitor = erlang:monitor(process, To),
    answer(Id, {return, ok}, under_way(Id, {watch, Monitor, To}, State));
handle({demonitor, Id, Watch}, State) ->
    answer(Id, {return, ok}, unwatch(Watch, State));
handle({ping, Id}, State) ->
    answer(Id, {return, pong}, State);
handle({cancel, Id}, State) ->
    stop(Id, {exit, killed}, State);
handle(Request, State) when is_tuple(Request), tuple_size(Request) >= 2, is_integer(element(2, Request)) ->
    Known = lists:member(element(1, Request), [call, cast, send, monitor, ping]),
    Reason =
        case Known of
            true -> badarg;
            false -> notsup
        end,
    answer(element(2, Request), {error, {erpc, Reason}, []}, State);
handle(_, State) ->
    {lost, State}.

%% A request with a term that this release of Erlang does not know, for which none but its sender is to blame.
unreadable(<<131, 104, _, Rest/binary>>, State) ->
    Head = binary:part(Rest, 0, min(64, byte_size(Rest))),
    try
        {_, Tag} = binary_to_term(<<131, Head/binary>>, [used]),
        <<_:(Tag - 1)/binary, Behind/binary>> = Head,
        binary_to_term(<<131, Behind/binary>>)
    of
        Id when is_integer(Id) -> answer(Id, {error, {erpc, badarg}, []}, State);
        _ -> {lost, State}
    catch
        error:_ -> {lost, State}
    end;
unreadable(_, State) ->
    {lost, State}.

%% -- calls

call(Id, M, F, A, Deadline, State = #{limit := Limit}) ->
    Tag = make_ref(),
    try spawn_monitor(fun() -> exit({Tag, execute(Id, M, F, A, Limit)}) end) of
        {Pid, Monitor} ->
            %% Until somebody stops it, its end is its own.
            under_way(Id, {call, Monitor, Pid, Tag, start_timer(Deadline, Id), none}, State)
    catch
        error:system_limit -> answer(Id, {error, {erpc, system_limit}, []}, State)
    end.

%% A deadline that is longer than a timer can be is none.
start_timer(Ms, Id) when is_integer(Ms), Ms < 16#FFFFFFFF -> erlang:start_timer(Ms, self(), {deadline, Id});
start_timer(_, _) -> none.

stop_timer(none) ->
    ok;
stop_timer(Timer) ->
    _ = erlang:cancel_timer(Timer, [{async, true}, {info, false}]),
    ok.

%% The answer to a call, encoded by who has executed it: only the octets, and none of the terms, go to another process.
execute(Id, M, F, A, Limit) ->
    Outcome =
        try
            {return, apply(M, F, A)}
        catch
            throw:Value -> {throw, Value};
            exit:Reason -> {exit, Reason};
            error:Reason:Stack -> {error, Reason, trim(Stack)}
        end,
    encode({answer, Id, Outcome}, {answer, Id, too_long()}, Limit).

%% A stack without what is beneath the called function.
trim(Stack) ->
    Own = fun(Frame) -> element(1, Frame) =:= sshrpc_bridge end,
    lists:reverse(lists:dropwhile(Own, lists:reverse(Stack))).

%% Kills the process of a call, whose answer is then `Outcome`; unless it has ended by itself before.
stop(Id, Outcome, State = #{ids := Ids}) ->
    case Ids of
        #{Id := {call, Monitor, Pid, Tag, Timer, _}} ->
            exit(Pid, kill),
            State#{ids := Ids#{Id := {call, Monitor, Pid, Tag, Timer, Outcome}}};
        _ ->
            State
    end.

cancel_all(#{ids := Ids}) ->
    lists:foreach(
        fun
            ({call, Monitor, Pid, _, Timer, _}) ->
                stop_timer(Timer),
                erlang:demonitor(Monitor, [flush]),
                exit(Pid, kill);
            ({watch, Monitor, _}) ->
                erlang:demonitor(Monitor, [flush])
        end,
        maps:values(Ids)
    ).

under_way(Id, What, State = #{ids := Ids, monitors := Monitors}) ->
    State#{ids := Ids#{Id => What}, monitors := Monitors#{element(2, What) => Id}}.

unwatch(Id, State = #{ids := Ids, monitors := Monitors}) ->
    case Ids of
        #{Id := {watch, Monitor, _}} ->
            erlang:demonitor(Monitor, [flush]),
            State#{ids := maps:remove(Id, Ids), monitors := maps:remove(Monitor, Monitors)};
        _ ->
            State
    end.

down(Monitor, Reason, State = #{ids := Ids, monitors := Monitors}) ->
    case maps:take(Monitor, Monitors) of
        {Id, Rest} ->
            {What, Others} = maps:take(Id, Ids),
            ended(Id, What, Reason, State#{ids := Others, monitors := Rest});
        error ->
            State
    end.

ended(Id, {call, _, _, Tag, Timer, Stopped}, Reason, State) ->
    stop_timer(Timer),
    case {Reason, Stopped} of
        {{Tag, Frame}, _} -> write(Frame, State);
        {_, none} -> answer(Id, {exit, Reason}, State);
        {_, Outcome} -> answer(Id, Outcome, State)
    end;
ended(Id, {watch, _, To}, Reason, State) ->
    write({down, Id, To, Reason}, {down, Id, To, system_limit}, State).
