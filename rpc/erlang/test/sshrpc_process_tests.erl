%% Messages to processes of Rust code: SSHRPC_COUNTER says where a node has a `gen_server' with the name `counter', which
%% adds the numbers that are cast to it. The Rust side of these tests starts one.
-module(sshrpc_process_tests).

-include_lib("eunit/include/eunit.hrl").

counter_test_() ->
    case os:getenv("SSHRPC_COUNTER") of
        false ->
            [];
        Address ->
            {setup, fun() -> connect(Address) end, fun(_) -> application:stop(sshrpc) end, fun(Node) ->
                {timeout, 60, fun() -> counts(Node) end}
            end}
    end.

connect(Address) ->
    {ok, Node} = sshrpc:connect(Address, #{user_dir => os:getenv("SSHRPC_USER_DIR"), host_key => accept_new}),
    Node.

counts(Node) ->
    Value = fun() -> sshrpc:call(Node, gen_server, call, [counter, value]) end,
    ?assertEqual(0, Value()),
    Pid = sshrpc:call(Node, erlang, whereis, [counter]),
    ?assert(is_pid(Pid)),
    [ok = sshrpc:send(Node, To, {'$gen_cast', N}) || {To, N} <- [{counter, 1}, {Pid, 20}, {counter, 300}]],
    ?assertEqual(321, Value()),
    %% As `gen_server:call' does it.
    {ok, Mailbox} = sshrpc:mailbox(Node),
    Tag = make_ref(),
    ok = sshrpc:send(Node, counter, {'$gen_call', {Mailbox, Tag}, value}),
    receive
        {sshrpc_mailbox, Mailbox, {message, {Tag, 321}}} -> ok
    after 30000 -> error(timeout)
    end,
    Ended = sshrpc:monitor(Node, Mailbox),
    ok = sshrpc:close_mailbox(Node, Mailbox),
    receive
        {'DOWN', Ended, process, Mailbox, normal} -> ok
    after 30000 -> error(timeout)
    end,
    {ok, Lost} = sshrpc:mailbox(Node),
    Monitor = sshrpc:monitor(Node, counter),
    ok = sshrpc:send(Node, counter, {'$gen_cast', stop}),
    receive
        {'DOWN', Monitor, process, {counter, Node}, normal} -> ok
    after 30000 -> error(timeout)
    end,
    ?assertMatch({badrpc, {'EXIT', {badarg, _}}}, sshrpc:send(Node, counter, {'$gen_cast', 1})),
    ok = sshrpc:close(Node),
    receive
        {sshrpc_mailbox, Lost, {closed, noconnection}} -> ok
    after 30000 -> error(timeout)
    end.
