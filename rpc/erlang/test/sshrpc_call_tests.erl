%% Calls of a node that executes them in a real Erlang, so that each can be compared with what `rpc' and `erpc' do.
-module(sshrpc_call_tests).

-include_lib("eunit/include/eunit.hrl").

-export([linger/1]).

%% Everything but the one thing that a test is denied.
rules() ->
    "[[rule]]\ndeny = [\"erlang:halt/0\"]\n[[rule]]\nallow = [\"*:*\", \"*\", \"<*>\"]\ndangerous = true\n".

calls_test_() ->
    {setup, fun start/0, fun stop/1, fun(Node) ->
        Address = sshrpc_test_node:address(Node),
        [
            {timeout, 60, {Name, fun() -> Test(Address) end}}
         || {Name, Test} <- [
                {"every class of failure is as rpc returns it", fun failures/1},
                {"every class of failure is as erpc raises it", fun raised/1},
                {"what is no call is a badarg here", fun misuse/1},
                {"what the rules deny is notsup", fun denied/1},
                {"a call whose time has passed is stopped on the node", fun deadline/1},
                {"a request that is given up is stopped on the node", fun given_up/1},
                {"a call whose caller has ended is stopped on the node", fun orphan/1},
                {"async_call, yield and nb_yield", fun async/1},
                {"send_request, wait_response and receive_response", fun requests/1},
                {"a cast is executed", fun cast/1},
                {"a thousand calls are under way at once", fun thousand/1},
                {"more calls than the node takes wait here", fun many/1},
                {"16 MiB there and back, overtaken by a short call", fun large/1},
                {"what is longer than the node takes is not sent", fun too_long/1},
                {"messages to a process keep their order", fun send/1},
                {"a monitor tells when a process ends, once", fun monitor/1},
                {"a monitor that was ended tells nothing", fun demonitor/1}
            ]
        ]
    end}.

start() ->
    Directory = sshrpc_test_node:directory(),
    Rules = filename:join(Directory, "sshrpc.toml"),
    ok = file:write_file(Rules, rules()),
    sshrpc_test_node:start(Directory, ["--backend", "beam", "--config", Rules]).

stop(Node = #{directory := Directory}) ->
    ok = application:stop(sshrpc),
    sshrpc_test_node:stop(Node),
    sshrpc_test_node:remove(Directory).

%% -- tests

failing() ->
    [
        {lists, reverse, [[1, 2, 3]]},
        {erlang, throw, [ball]},
        {erlang, exit, [normal]},
        {erlang, exit, [{a, "b"}]},
        {erlang, error, [{a, "b"}]},
        {erlang, list_to_tuple, [['EXIT', reason]]},
        {no_such_module, f, [1]},
        {lists, no_such_function, []}
    ].

failures(Node) ->
    [
        ?assertEqual({Mfa, bare(rpc:call(node(), M, F, A))}, {Mfa, bare(sshrpc:call(Node, M, F, A))})
     || {M, F, A} = Mfa <- failing()
    ],
    ?assertMatch({badrpc, {'EXIT', {badarith, [{erlang, '/', [1, 0], _} | _]}}}, sshrpc:call(Node, erlang, '/', [1, 0])),
    ?assertEqual({badrpc, timeout}, sshrpc:call(Node, timer, sleep, [infinity], 1)),
    ?assertEqual({badrpc, nodedown}, sshrpc:call("127.0.0.1:1", lists, seq, [1, 2])),
    ?assertEqual({badrpc, nodedown}, sshrpc:call(nobody_has_this_name, lists, seq, [1, 2])).

raised(Node) ->
    Caught = fun(Call) ->
        try
            {value, Call()}
        catch
            Class:Reason -> {Class, bare(Reason)}
        end
    end,
    [
        ?assertEqual(
            {Mfa, Caught(fun() -> erpc:call(node(), M, F, A) end)},
            {Mfa, Caught(fun() -> sshrpc_erpc:call(Node, M, F, A) end)}
        )
     || {M, F, A} = Mfa <- failing()
    ],
    ?assertError({erpc, timeout}, sshrpc_erpc:call(Node, timer, sleep, [infinity], 1)),
    ?assertError({erpc, noconnection}, sshrpc_erpc:call("127.0.0.1:1", lists, seq, [1, 2])),
    ?assertEqual(
        erpc:multicall([node(), nobody@nowhere], erlang, exit, [why]),
        sshrpc_erpc:multicall([Node, "127.0.0.1:1"], erlang, exit, [why])
    ).

%% Of a stack only where the error was: arguments, which a node may keep to itself, as their number.
bare({badrpc, {'EXIT', {Reason, Stack}}}) when is_list(Stack) -> {badrpc, {'EXIT', {Reason, bare_stack(Stack)}}};
bare({exception, Reason, Stack}) -> {exception, Reason, bare_stack(Stack)};
bare(Other) -> Other.

bare_stack([{Module, Function, Args, _} | _]) when is_list(Args) -> {Module, Function, length(Args)};
bare_stack([{Module, Function, Arity, _} | _]) -> {Module, Function, Arity};
bare_stack(Other) -> Other.

misuse(Node) ->
    ?assertError(badarg, sshrpc:call(Node, "lists", seq, [1, 2])),
    ?assertError(badarg, sshrpc:call(Node, lists, seq, [1 | 2])),
    ?assertError(badarg, sshrpc:call(Node, lists, seq, [1, 2], -1)),
    ?assertError(badarg, sshrpc:call("a:b:c@", lists, seq, [1, 2])),
    ?assertError(badarg, sshrpc:cast(Node, lists, seq, none)),
    ?assertError(badarg, sshrpc:multicall(Node, lists, seq, [1, 2])).

denied(Node) ->
    ?assertEqual({badrpc, notsup}, sshrpc:call(Node, erlang, halt, [])),
    ?assertError({erpc, notsup}, sshrpc_erpc:call(Node, erlang, halt, [])),
    ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2])).

%% A process of the node that has this name and waits for ever.
linger(Name) ->
    evaluated("register(" ++ atom_to_list(Name) ++ ", self()), receive after infinity -> ok end").

evaluated(Text) ->
    {ok, Tokens, _} = erl_scan:string(Text ++ "."),
    {ok, Expressions} = erl_parse:parse_exprs(Tokens),
    {erl_eval, exprs, [Expressions, []]}.

lingers(Node, Name) ->
    sshrpc_test_node:wait_until(fun() -> is_pid(sshrpc:call(Node, erlang, whereis, [Name])) end).

deadline(Node) ->
    {M, F, A} = linger(deadline),
    ?assertEqual({badrpc, timeout}, sshrpc:call(Node, M, F, A, 1000)),
    gone(Node, deadline).

given_up(Node) ->
    {M, F, A} = linger(given_up),
    Request = sshrpc_erpc:send_request(Node, M, F, A),
    lingers(Node, given_up),
    Monitor = sshrpc:monitor(Node, given_up),
    ?assertError({erpc, timeout}, sshrpc_erpc:receive_response(Request, 0)),
    down(Monitor, {given_up, Node}, killed).

orphan(Node) ->
    {M, F, A} = linger(orphan),
    {Caller, _} = spawn_monitor(fun() -> sshrpc:call(Node, M, F, A) end),
    lingers(Node, orphan),
    Monitor = sshrpc:monitor(Node, orphan),
    exit(Caller, kill),
    down(Monitor, {orphan, Node}, killed).

gone(Node, Name) ->
    sshrpc_test_node:wait_until(fun() -> sshrpc:call(Node, erlang, whereis, [Name]) =:= undefined end).

down(Monitor, Whom, Reason) ->
    receive
        {'DOWN', Monitor, process, Told, Why} -> ?assertEqual({Whom, Reason}, {Told, Why})
    after 30000 -> error(timeout)
    end.

async(Node) ->
    Slow = sshrpc:async_call(Node, timer, sleep, [infinity]),
    Key = sshrpc:async_call(Node, lists, seq, [1, 3]),
    ?assertEqual([1, 2, 3], sshrpc:yield(Key)),
    ?assertEqual(timeout, sshrpc:nb_yield(Slow)),
    ?assertEqual(timeout, sshrpc:nb_yield(Slow, 1)),
    ?assertEqual({value, ball}, sshrpc:nb_yield(sshrpc:async_call(Node, erlang, throw, [ball]), infinity)).

requests(Node) ->
    Slow = sshrpc_erpc:send_request(Node, timer, sleep, [infinity]),
    ?assertEqual(no_response, sshrpc_erpc:wait_response(Slow)),
    Quick = sshrpc_erpc:send_request(Node, lists, seq, [1, 3]),
    ?assertEqual({response, [1, 2, 3]}, sshrpc_erpc:wait_response(Quick, infinity)),
    Exit = sshrpc_erpc:send_request(Node, erlang, exit, [why]),
    ?assertExit({exception, why}, sshrpc_erpc:receive_response(Exit)).

cast(Node) ->
    true = sshrpc:cast(Node, application, set_env, [kernel, sshrpc_cast, done]),
    ok = sshrpc_erpc:multicast([Node, "127.0.0.1:1"], application, set_env, [kernel, sshrpc_multicast, done]),
    [
        sshrpc_test_node:wait_until(fun() -> sshrpc:call(Node, application, get_env, [kernel, Key]) =:= {ok, done} end)
     || Key <- [sshrpc_cast, sshrpc_multicast]
    ].

thousand(Node) ->
    %% None of them ends before all have begun.
    {M, F, A} = evaluated("receive go -> self() end"),
    Keys = [sshrpc:async_call(Node, M, F, A) || _ <- lists:seq(1, 1000)],
    {Mw, Fw, Aw} = evaluated(
        "[P || P <- processes(), {current_function, {prim_eval, 'receive', 2}} <- [process_info(P, current_function)]]"
    ),
    Waiting = fun() -> element(2, sshrpc:call(Node, Mw, Fw, Aw)) end,
    sshrpc_test_node:wait_until(fun() -> length(Waiting()) =:= 1000 end),
    Pids = Waiting(),
    [ok = sshrpc:send(Node, Pid, go) || Pid <- Pids],
    Values = [Pid || {value, Pid, _} <- [sshrpc:yield(Key) || Key <- Keys]],
    ?assertEqual(lists:sort(Pids), lists:sort(Values)).

many(Node) ->
    Keys = [sshrpc:async_call(Node, erlang, abs, [-Number]) || Number <- lists:seq(1, 5000)],
    ?assertEqual(lists:seq(1, 5000), [sshrpc:yield(Key) || Key <- Keys]).

large(Node) ->
    Octets = binary:copy(<<"0123456789abcdef">>, 1 bsl 20),
    Long = sshrpc:async_call(Node, binary, copy, [Octets, 1]),
    ?assertEqual(pong, sshrpc:ping(Node)),
    ?assertEqual([1, 2, 3], sshrpc:call(Node, lists, seq, [1, 3])),
    ?assert(Octets =:= sshrpc:yield(Long)).

too_long(Node) ->
    ?assertEqual(
        {badrpc, {'EXIT', system_limit}}, sshrpc:call(Node, erlang, byte_size, [binary:copy(<<"x">>, 65 bsl 20)])
    ),
    ?assertEqual({badrpc, {'EXIT', system_limit}}, sshrpc:call(Node, binary, copy, [<<"x">>, 65 bsl 20])),
    ?assertEqual([1, 2], sshrpc:call(Node, lists, seq, [1, 2])).

send(Node) ->
    {M, F, A} = evaluated("register(post, self()), Take = fun Take(L) -> receive done -> lists:reverse(L);
        {N, _} -> Take([N | L]) end end, Take([])"),
    Key = sshrpc:async_call(Node, M, F, A),
    lingers(Node, post),
    %% A long one, which travels in parts, between short ones.
    [
        ok = sshrpc:send(Node, post, {Number, binary:copy(<<"x">>, Size)})
     || {Number, Size} <- [{1, 1}, {2, 1 bsl 20}, {3, 1}, {4, 200000}, {5, 1}]
    ],
    ok = sshrpc:send(Node, post, done),
    ?assertMatch({value, [1, 2, 3, 4, 5], _}, sshrpc:yield(Key)),
    ?assertMatch({badrpc, {'EXIT', {badarg, _}}}, sshrpc:send(Node, nobody, hello)).

monitor(Node) ->
    {M, F, A} = evaluated("spawn(fun() -> register(watched, self()), receive Why -> exit(Why) end end)"),
    {value, Pid, _} = sshrpc:call(Node, M, F, A),
    lingers(Node, watched),
    ByName = sshrpc:monitor(Node, watched),
    ByPid = sshrpc:monitor(Node, Pid),
    ok = sshrpc:send(Node, watched, bye),
    down(ByName, {watched, Node}, bye),
    down(ByPid, Pid, bye),
    down(sshrpc:monitor(Node, watched), {watched, Node}, noproc),
    down(sshrpc:monitor("127.0.0.1:1", watched), {watched, "127.0.0.1:1"}, noconnection).

demonitor(Node) ->
    {M, F, A} = linger(unwatched),
    Request = sshrpc_erpc:send_request(Node, M, F, A),
    lingers(Node, unwatched),
    Kept = sshrpc:monitor(Node, unwatched),
    Ended = sshrpc:monitor(Node, unwatched),
    true = sshrpc:demonitor(Node, Ended),
    ?assertError({erpc, timeout}, sshrpc_erpc:receive_response(Request, 0)),
    down(Kept, {unwatched, Node}, killed),
    receive
        {'DOWN', Ended, process, _, _} -> error(told)
    after 0 -> ok
    end.
